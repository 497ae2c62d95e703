import type { NgReply } from './media-engine.ts';

/** What a media engine's `query` tells of one leg's audio. Figures that the engine does not have are left out. */
export type LegAudio = {
  readonly packets: number;
  /** The far party still hears another leg, and is to hear this one from its first packet on. */
  readonly awaited: boolean;
  /** Milliseconds from the connection to the first packet from the leg, and to the first one to it. */
  readonly audioMs?: number;
  readonly audioBackMs?: number;
  /** At the far party's output, when it began to hear this leg in place of another. */
  readonly gapMs?: number;
  readonly lostPackets?: number;
};

type Media = {
  readonly streams?: readonly { readonly stats?: { readonly packets?: number } }[];
  readonly awaits?: string;
  readonly heard_us?: number;
  readonly hears_us?: number;
};
type Turn = {
  readonly media?: number;
  readonly to?: string;
  readonly gap_us?: number;
  readonly missing?: number;
};

type Reply = {
  readonly tags?: Readonly<Record<string, { readonly medias?: readonly Media[] }>>;
  readonly turns?: readonly Turn[];
};

const toMs = <K extends string>(key: K, micros: number | undefined): { [k in K]?: number } =>
  micros === undefined
    ? {}
    : ({ [key]: Math.max(0, Math.round(micros / 100) / 10) } as { [k in K]?: number });

/** Reads a `query` reply for the leg of that tag. */
export function legAudio(reply: NgReply, tag: string): LegAudio {
  const { tags = {}, turns = [] } = reply as Reply;
  const { streams, heard_us: heard, hears_us: hears }: Media = tags[tag]?.medias?.[0] ?? {};
  const { gap_us: gap, missing }: Turn = turns.findLast((one) => one.media === 1 && one.to === tag) ?? {};
  return {
    packets: streams?.[0]?.stats?.packets ?? 0,
    awaited: Object.values(tags).some(({ medias }) => medias?.[0]?.awaits === tag),
    ...toMs('audioMs', heard),
    ...toMs('audioBackMs', hears),
    ...toMs('gapMs', gap),
    ...(missing === undefined ? {} : { lostPackets: missing }),
  };
}
