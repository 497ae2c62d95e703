import type { EngineProtocol } from './options.ts';

const CR = 0x0d;
const LF = 0x0a;

/** The first line of a message and, behind its CRLF, a SIP message or nothing. */
export type ClientMessage = {
  /** Chosen by the sender; a reply quotes it. */
  readonly id: string;
  /** `authenticate`, `sip`, `proxy`, … */
  readonly type: string;
  /** The tokens behind the type. */
  readonly tokens: readonly string[];
  /** The SIP message; empty when the message is a leader only. */
  readonly sip: Buffer;
};

const EMPTY = Buffer.alloc(0);

/** Splits a frame into leader and SIP message; undefined when the leader has fewer than two tokens. */
export const parseClientMessage = (frame: Buffer): ClientMessage | undefined => {
  const cr = frame.indexOf(CR);
  const leader = frame.toString('utf8', 0, cr < 0 ? frame.length : cr);
  const [id, type, ...tokens] = leader.split('|');
  if (id === undefined || id === '' || type === undefined || type === '') return undefined;
  if (cr < 0) return { id, type, tokens, sip: EMPTY };
  return { id, type, tokens, sip: frame.subarray(frame[cr + 1] === LF ? cr + 2 : cr + 1) };
};

/** What the metadata tokens of a passed SIP message say about it. */
export type Meta = {
  readonly source: 'network' | 'application';
  readonly bytes: number;
  readonly protocol: EngineProtocol | '';
  readonly address: string;
  readonly port: number;
  /** Milliseconds since 1970. */
  readonly wall: number;
};

const two = (n: number) => (n < 10 ? `0${n}` : String(n));

let lastWall = Number.NaN;
let lastTime = '';

/** `HH:MM:SS.uuuuuu`, UTC. */
export const printTime = (wall: number): string => {
  // Most messages come with others in the same millisecond.
  if (wall !== lastWall) {
    lastWall = wall;
    lastTime = timeOf(wall);
  }
  return lastTime;
};

const timeOf = (wall: number): string => {
  const day = ((wall % 86_400_000) + 86_400_000) % 86_400_000;
  const seconds = Math.floor(day / 1000);
  const micros = Math.floor((day - seconds * 1000) * 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${two(hours)}:${two(minutes)}:${two(seconds % 60)}.${String(micros).padStart(6, '0')}`;
};

/** `source|bytes|protocol|address|port|time`. */
export const printMeta = (meta: Meta): string =>
  `${meta.source}|${meta.bytes}|${meta.protocol}|${meta.address}|${meta.port}|${printTime(meta.wall)}`;
