import type { Sdp, SdpLine, SdpMedia } from './document.ts';

/** The values of all `a=name` lines, `''` for a property without one. */
export function attributes(lines: readonly SdpLine[], name: string): string[] {
  const prefix = `${name}:`;
  const found: string[] = [];
  for (const line of lines) {
    if (line.type !== 'a') continue;
    if (line.value === name) found.push('');
    else if (line.value.startsWith(prefix)) found.push(line.value.slice(prefix.length));
  }
  return found;
}

/** The first `a=name` of a media description, else of the session. */
export function attribute(sdp: Sdp, media: SdpMedia, name: string): string | undefined {
  return attributes(media.lines, name)[0] ?? attributes(sdp.session, name)[0];
}

/** The name of an `a=` line; the whole value of any other line is not a name. */
export function attributeName(line: SdpLine): string | undefined {
  if (line.type !== 'a') return undefined;
  const colon = line.value.indexOf(':');
  return colon < 0 ? line.value : line.value.slice(0, colon);
}

export type SdpAddress = { readonly family: 'IP4' | 'IP6'; readonly address: string };

/** The connection address that holds for a media description: its own c= line, else the session's. */
export function connectionOf(sdp: Sdp, media: SdpMedia): SdpAddress | undefined {
  const line = media.lines.find((l) => l.type === 'c') ?? sdp.session.find((l) => l.type === 'c');
  return line === undefined ? undefined : parseAddress(line.value);
}

/** Reads `IN IP4 address`; undefined for another network type or a malformed line. */
export function parseAddress(value: string): SdpAddress | undefined {
  const [network, family, address] = value.trim().split(/ +/);
  if (network !== 'IN' || (family !== 'IP4' && family !== 'IP6') || address === undefined) return undefined;
  return { family, address: address.split('/')[0]! };
}

export type SdpDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

const directions: readonly SdpDirection[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

/** The direction of a media description as its sender sees it; sendrecv where none is given (RFC 3264 §5.1). */
export function directionOf(sdp: Sdp, media: SdpMedia): SdpDirection {
  const of = (lines: readonly SdpLine[]) =>
    directions.find((d) => lines.some((l) => l.type === 'a' && l.value === d));
  return of(media.lines) ?? of(sdp.session) ?? 'sendrecv';
}

export const sends = (direction: SdpDirection): boolean =>
  direction === 'sendrecv' || direction === 'sendonly';
export const receives = (direction: SdpDirection): boolean =>
  direction === 'sendrecv' || direction === 'recvonly';

/** Where a media description wants its RTCP: a=rtcp (RFC 3605), else the port above RTP's. */
export function rtcpPortOf(media: SdpMedia): number {
  const given = /^(\d{1,5})/.exec(attributes(media.lines, 'rtcp')[0] ?? '');
  return given === null ? media.port + 1 : Number(given[1]);
}

/** a=rtcp-mux (RFC 5761 §5.1.1). */
export const hasRtcpMux = (media: SdpMedia): boolean => attributes(media.lines, 'rtcp-mux').length > 0;

/** The null address of an old way to say hold (RFC 3264 §8.4). */
export const isNullAddress = (address: string | undefined): boolean =>
  address === '0.0.0.0' || address === '::';

/** Whether a description says hold: an unspecified address (RFC 3264 §8.4) or a direction that does not receive. */
export function isHeld(sdp: Sdp, media: SdpMedia): boolean {
  const address = connectionOf(sdp, media)?.address;
  return isNullAddress(address) || !receives(directionOf(sdp, media));
}
