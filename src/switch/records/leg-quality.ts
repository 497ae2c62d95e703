import type { LegQuality } from '../../stores/index.ts';
import type { NgReply } from '../call/media-engine.ts';

/** What a media engine's statistics say of one call: quality by the legs' tags, and the recording's file. */
export type CallQuality = { readonly legs: ReadonlyMap<string, LegQuality>; readonly recording?: string };

type Stream = { readonly SSRC?: number; readonly stats?: { readonly packets?: number } };
type Media = {
  readonly type?: string;
  readonly streams?: readonly Stream[];
  readonly 'ingress SSRCs'?: readonly { readonly SSRC?: number }[];
};
type Sample = {
  readonly MOS?: number;
  readonly jitter?: number;
  readonly 'packet loss'?: number;
  readonly 'round-trip time'?: number;
};
type Source = {
  readonly 'cumulative loss'?: number;
  readonly received?: number;
  readonly 'average MOS'?: Sample;
};

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

const optional = <K extends string>(key: K, value: number | undefined): { [k in K]?: number } =>
  value === undefined ? {} : ({ [key]: value } as { [k in K]: number });

/** Reads the reply to `query` or `delete`; `undefined` when there are no statistics in it. */
export function callQuality(reply: NgReply): CallQuality | undefined {
  const tags = reply['tags'] as Readonly<Record<string, { readonly medias?: readonly Media[] }>> | undefined;
  if (tags === undefined) return undefined;
  const sources = (reply['SSRC'] ?? {}) as Readonly<Record<string, Source>>;
  const legs = new Map<string, LegQuality>();
  for (const [tag, { medias }] of Object.entries(tags)) {
    const quality = mediaQuality(medias, sources);
    if (quality !== undefined) legs.set(tag, quality);
  }
  const { recording } = reply;
  return { legs, ...(typeof recording === 'string' ? { recording } : {}) };
}

function mediaQuality(
  medias: readonly Media[] | undefined,
  sources: Readonly<Record<string, Source>>,
): LegQuality | undefined {
  const audio = medias?.find((media) => media.type === undefined || media.type === 'audio');
  const stream = audio?.streams?.[0];
  if (stream === undefined) return undefined;
  const ssrc = number(audio?.['ingress SSRCs']?.at(-1)?.SSRC) ?? number(stream.SSRC);
  return legQuality(number(stream.stats?.packets) ?? 0, sources[String(ssrc)]);
}

/** MOS comes times ten, times in microseconds, jitter in milliseconds. */
function legQuality(packets: number, source: Source | undefined): LegQuality {
  const lost = number(source?.['cumulative loss']);
  const average = source?.['average MOS'];
  const mos = number(average?.MOS);
  const roundTrip = number(average?.['round-trip time']);
  const expected = packets + (lost ?? 0);
  return {
    packets,
    ...optional('lost', lost),
    ...optional(
      'lossPercent',
      lost === undefined || expected === 0 ? undefined : Math.round((lost * 1000) / expected) / 10,
    ),
    ...optional('jitterMs', number(average?.jitter)),
    ...optional('roundTripMs', roundTrip === undefined ? undefined : Math.round(roundTrip / 100) / 10),
    ...optional('mos', mos === undefined ? undefined : mos / 10),
  };
}
