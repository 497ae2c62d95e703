import type { Key } from './keys.ts';

export type DtmfEvent = { readonly callId: string; readonly tag: string; readonly key: Key };

const digits = '0123456789*#ABCD';
/** Some phones send the event's number. */
const byNumber: Readonly<Record<string, string>> = { '10': '*', '11': '#' };
/** What rtpengine says of digits that it was told to play itself. */
const injectedVolume = 63;

/** One datagram of the media engine's DTMF log, in rtpengine's JSON; `undefined` for anything else. */
export function parseDtmfLog(datagram: Uint8Array): DtmfEvent | undefined {
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(datagram));
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { type, callid, source_tag: tag, event, duration, volume } = said as Record<string, unknown>;
  if (type !== 'DTMF' || typeof callid !== 'string' || typeof tag !== 'string') return undefined;
  const digit = typeof event === 'number' ? digits[event] : undefined;
  if (digit === undefined || volume === injectedVolume) return undefined;
  return { callId: callid, tag, key: { digit, durationMs: typeof duration === 'number' ? duration : 100 } };
}

/** The digit of an INFO: `application/dtmf-relay` (Signal=, Duration=) or `application/dtmf` (the digit alone). */
export function parseInfo(type: string, body: string): Key | undefined {
  const kind = type.split(';')[0]?.trim().toLowerCase();
  const relay = kind === 'application/dtmf-relay';
  if (!relay && kind !== 'application/dtmf') return undefined;
  const said = relay ? (/^\s*Signal\s*=\s*(\S+)/im.exec(body)?.[1] ?? '') : body.trim();
  const digit = byNumber[said] ?? said.toUpperCase();
  const duration = Number(/^\s*Duration\s*=\s*(\d+)/im.exec(body)?.[1] ?? 160);
  if (digit.length !== 1 || !digits.includes(digit)) return undefined;
  return { digit, durationMs: Math.min(5000, Math.max(40, duration)) };
}
