import { codecsOf, parseSdp, type SdpCodec } from '../../sdp/index.ts';
import type { MediaEngine, NgReply } from '../call/media-engine.ts';

type Fields = { readonly 'call-id'?: string } & Readonly<Record<string, unknown>>;
type Side = 'left' | 'right';

/** Takes down what is needed to make a recording of an engine that only keeps the packets it receives. */
export interface RecordingNotes {
  /** A call's recording begins; yields the path of the file that it will become. */
  begin(callId: string): string;
  /** Who speaks for a side from now on: the engine's port that it sends to, and what its payload types mean. */
  note(
    callId: string,
    note: { readonly port: number; readonly side: Side; readonly codecs: readonly SdpCodec[] },
  ): void;
  /** The call is over. */
  end(callId: string): void;
}

/** What one side said of itself, and what it was told: there is the port that it sends to. */
type Branch = { readonly side: Side; own?: string; told?: string };

type Known = { readonly sides: Map<string, Side>; readonly branches: Map<string, Branch>; file?: string };

/** One description a device that ever rang: more than a call has, whoever calls. */
const MOST_BRANCHES = 500;

/**
 * A media engine whose recordings are packets as they came (rtpengine's pcap). It follows who is connected with whom over
 * the ports, so that they can be made into the two sides of the conversation: the caller left, whoever speaks for the other
 * side right, over any number of flips.
 */
export class RecordedMedia implements MediaEngine {
  readonly #engine: MediaEngine;
  readonly #notes: RecordingNotes;
  readonly #calls = new Map<string, Known>();

  constructor(engine: MediaEngine, notes: RecordingNotes) {
    this.#engine = engine;
    this.#notes = notes;
  }

  get alive(): boolean {
    return this.#engine.alive;
  }

  get announces(): boolean {
    return this.#engine.announces ?? false;
  }

  onLost(tell: (callId: string) => void): void {
    this.#engine.onLost?.(tell);
  }

  close(): void {
    this.#engine.close();
  }

  async command(name: string, fields: Fields): Promise<NgReply> {
    const callId = fields['call-id'];
    if (callId === undefined) return this.#engine.command(name, fields);
    if (name === 'start recording') return this.#start(callId, fields);
    if (name === 'delete' && fields['from-tag'] === undefined) return this.#end(callId, fields);
    const reply = await this.#engine.command(name, fields);
    if (name === 'offer') this.#offered(callId, fields, reply);
    else if (name === 'answer') this.#answered(callId, fields, reply);
    else if (name === 'query') return withFile(reply, this.#calls.get(callId)?.file);
    else if (name === 'delete') this.#calls.get(callId)?.branches.delete(removed(fields));
    return reply;
  }

  #known(callId: string): Known {
    const known = this.#calls.get(callId) ?? { sides: new Map(), branches: new Map() };
    this.#calls.set(callId, known);
    return known;
  }

  #offered(callId: string, fields: Fields, reply: NgReply): void {
    const known = this.#known(callId);
    const [from, to] = [text(fields, 'from-tag'), text(fields, 'to-tag')];
    // Whoever offers first is the caller.
    const side = known.sides.get(from) ?? opposite(known.sides.get(to) ?? 'right');
    known.sides.set(from, side);
    learn(known, from, { side, own: text(fields, 'sdp') });
    const toward = to === '' ? branchOf(fields) : to;
    learn(known, toward, { side: opposite(side), told: text(reply, 'sdp') });
  }

  /** The two of an answer are connected, or connected again. */
  #answered(callId: string, fields: Fields, reply: NgReply): void {
    const known = this.#known(callId);
    const [from, to] = [text(fields, 'from-tag'), text(fields, 'to-tag')];
    const side = known.sides.get(from) ?? 'left';
    known.sides.set(to, opposite(side));
    const branch = known.branches.get(branchOf(fields));
    known.branches.delete(branchOf(fields));
    learn(known, to, { ...branch, side: opposite(side), own: text(fields, 'sdp') });
    learn(known, from, { side, told: text(reply, 'sdp') });
    if (known.file !== undefined) this.#note(callId, known, [from, to]);
  }

  async #start(callId: string, fields: Fields): Promise<NgReply> {
    const known = this.#known(callId);
    if (known.file === undefined) {
      known.file = this.#notes.begin(callId);
      this.#note(callId, known, [...known.sides.keys()]);
    }
    return { ...(await this.#engine.command('start recording', fields)), 'recording-file': known.file };
  }

  #note(callId: string, { branches }: Known, tags: readonly string[]): void {
    for (const tag of tags) {
      const branch = branches.get(tag);
      const told = branch?.told === undefined ? undefined : audioOf(branch.told);
      if (branch === undefined || told === undefined) continue;
      const own = branch.own === undefined ? undefined : audioOf(branch.own);
      const { side } = branch;
      this.#notes.note(callId, { port: told.port, side, codecs: meanings(own?.codecs ?? [], told.codecs) });
    }
  }

  async #end(callId: string, fields: Fields): Promise<NgReply> {
    const file = this.#calls.get(callId)?.file;
    this.#calls.delete(callId);
    try {
      return withFile(await this.#engine.command('delete', fields), file);
    } finally {
      if (file !== undefined) this.#notes.end(callId);
    }
  }
}

const withFile = (reply: NgReply, recording: string | undefined): NgReply =>
  recording === undefined ? reply : { ...reply, recording };

function learn(known: Known, key: string, said: Branch): void {
  if (key === '') return;
  const before = known.branches.get(key);
  known.branches.delete(key);
  known.branches.set(key, { ...before, ...said });
  for (const oldest of known.branches.keys()) {
    if (known.branches.size <= MOST_BRANCHES) break;
    known.branches.delete(oldest);
  }
}

const opposite = (side: Side): Side => (side === 'left' ? 'right' : 'left');

const text = (fields: Readonly<Record<string, unknown>>, key: string): string => {
  const value = fields[key];
  return typeof value === 'string' ? value : '';
};

const branchOf = (fields: Fields): string => `branch ${text(fields, 'via-branch')}`;

/** By a leg's own tag, or by the branch that it was offered on. */
const removed = (fields: Fields): string =>
  fields['via-branch'] === undefined ? text(fields, 'from-tag') : branchOf(fields);

function audioOf(sdp: string): { readonly port: number; readonly codecs: readonly SdpCodec[] } | undefined {
  const media = parseSdp(sdp)?.media.find(({ kind, port }) => kind === 'audio' && port !== 0);
  return media === undefined ? undefined : { port: media.port, codecs: codecsOf(media) };
}

/** A phone uses its own number for a codec where it named one, else the one that it was told (RFC 3264 §5.1). */
function meanings(own: readonly SdpCodec[], told: readonly SdpCodec[]): SdpCodec[] {
  const codecs = [...own, ...told.filter((c) => !own.some((o) => o.payloadType === c.payloadType))];
  return codecs.filter((codec) => codec.name !== '');
}
