import { MediaFailure, type MediaEngine, type NgReply } from '../call/media-engine.ts';

/** Says what a media engine would, keeps what it was asked, and counts packets as the test tells it to. */
export class FakeEngine implements MediaEngine {
  readonly alive = true;
  announces = true;
  readonly commands: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  /** Call ids that it has media for. */
  readonly live = new Set<string>();
  /** Tags whose device has sent RTP; `*` stands for all. */
  readonly heard = new Set<string>();
  /** Packets of each tag, where a test counts them. */
  readonly packets = new Map<string, number>();
  /** Commands that fail from now on. */
  readonly broken = new Set<string>();
  /** Microseconds to a leg's first packet, where it measures such things; what the leg hears it is then asked for in vain. */
  heardUs: number | undefined;
  /** How long whatever it plays is, where it says so. */
  playsMs: number | undefined;
  #port = 30_000;

  command(name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    this.commands.push({ name, fields });
    if (this.broken.has(name)) return Promise.reject(new MediaFailure(`${name} is broken`));
    const callId = typeof fields['call-id'] === 'string' ? fields['call-id'] : '';
    if (name === 'offer' || name === 'answer') {
      this.live.add(callId);
      const sdp = (fields['sdp'] as string).replace(/^(m=audio) [1-9]\d*/m, `$1 ${(this.#port += 2)}`);
      return Promise.resolve({ result: 'ok', sdp });
    }
    if (name === 'delete' && fields['from-tag'] === undefined) this.live.delete(callId);
    if (name === 'play media' && this.playsMs !== undefined)
      return Promise.resolve({ result: 'ok', duration: this.playsMs });
    if (name === 'query') return Promise.resolve({ result: 'ok', tags: this.#tags() });
    return Promise.resolve({ result: 'ok' });
  }

  close(): void {
    this.live.clear();
  }

  #tags(): object {
    const known = new Set(this.commands.flatMap(({ fields }) => [fields['from-tag'], fields['to-tag']]));
    const entries = [...known]
      .filter((tag): tag is string => typeof tag === 'string')
      .map((tag) => {
        const packets = this.packets.get(tag) ?? (this.heard.has('*') || this.heard.has(tag) ? 1 : 0);
        const heard = this.heardUs === undefined || packets === 0 ? {} : { heard_us: this.heardUs };
        return [tag, { medias: [{ streams: [{ stats: { packets } }], ...heard }] }];
      });
    return Object.fromEntries(entries);
  }
}
