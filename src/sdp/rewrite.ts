import {
  attributeName,
  directionOf,
  parseAddress,
  type SdpAddress,
  type SdpDirection,
} from './attributes.ts';
import type { Sdp, SdpLine, SdpMedia } from './document.ts';

const directionNames = new Set(['sendrecv', 'sendonly', 'recvonly', 'inactive']);

/**
 * Puts one address into every c= line of the description, at both levels; adds one where there was none. `instead` may
 * choose another for what a line said.
 */
export function withConnection(
  sdp: Sdp,
  address: SdpAddress,
  instead: (said: SdpAddress | undefined) => SdpAddress = () => address,
): Sdp {
  const print = (to: SdpAddress) => `IN ${to.family} ${to.address}`;
  const value = print(address);
  const put = (lines: readonly SdpLine[]) =>
    lines.map((l) => (l.type === 'c' ? { type: 'c', value: print(instead(parseAddress(l.value))) } : l));
  const atSession = sdp.session.some((l) => l.type === 'c');
  return {
    session: put(sdp.session),
    media: sdp.media.map((m) => {
      const has = atSession || m.lines.some((l) => l.type === 'c');
      return { ...m, lines: has ? put(m.lines) : addConnection(m.lines, value) };
    }),
  };
}

/** c= stands after i= and before everything else of a media description (RFC 8866 §5). */
function addConnection(lines: readonly SdpLine[], value: string): SdpLine[] {
  const at = lines[0]?.type === 'i' ? 1 : 0;
  return [...lines.slice(0, at), { type: 'c', value }, ...lines.slice(at)];
}

export const withPort = (media: SdpMedia, port: number): SdpMedia => ({ ...media, port, ports: 1 });

/** Removes `a=` lines by name. */
export function withoutAttributes(lines: readonly SdpLine[], names: ReadonlySet<string>): SdpLine[] {
  return lines.filter((line) => !names.has(attributeName(line) ?? ''));
}

/** Gives every media description `direction`, in place of what either level said. */
export function withDirection(sdp: Sdp, direction: SdpDirection): Sdp {
  return {
    session: withoutAttributes(sdp.session, directionNames),
    media: sdp.media.map((m) =>
      directionOf(sdp, m) === direction && m.lines.some((l) => l.value === direction)
        ? m
        : { ...m, lines: [...withoutAttributes(m.lines, directionNames), { type: 'a', value: direction }] },
    ),
  };
}

/** Sets the session version of the o= line (RFC 8866 §5.2), which RFC 3264 §8 raises with every change. */
export function withVersion(sdp: Sdp, version: number): Sdp {
  return {
    ...sdp,
    session: sdp.session.map((line) => {
      if (line.type !== 'o') return line;
      const parts = line.value.split(' ');
      if (parts.length < 6) return line;
      parts[2] = String(version);
      return { type: 'o', value: parts.join(' ') };
    }),
  };
}
