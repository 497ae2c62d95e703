/** One `type=value` line of a session description, as it came (RFC 8866 §5). */
export type SdpLine = { readonly type: string; readonly value: string };

/** A media description: its m= line taken apart, and the lines below it in their order. */
export type SdpMedia = {
  readonly kind: string;
  readonly port: number;
  /** The number of ports, 1 where the m= line names none. */
  readonly ports: number;
  /** The transport protocol, such as RTP/AVP. */
  readonly protocol: string;
  /** Payload types for RTP, else whatever the protocol means by them. */
  readonly formats: readonly string[];
  readonly lines: readonly SdpLine[];
};

/** A session description that keeps every line, known or not, in its place. */
export type Sdp = { readonly session: readonly SdpLine[]; readonly media: readonly SdpMedia[] };

const LONGEST = 65_536;
const MOST_MEDIA = 64;

/**
 * Reads a session description; undefined where it is none: it must start with v= and consist of `x=` lines, and
 * each m= line must have a kind, a port and a protocol. Takes LF for CRLF, as RFC 8866 §5 asks of parsers.
 */
export function parseSdp(text: string): Sdp | undefined {
  if (text.length > LONGEST) return undefined;
  const session: SdpLine[] = [];
  const media: SdpMedia[] = [];
  let lines = session;
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line === '') continue;
    if (line[1] !== '=' || !/[a-z]/.test(line[0]!)) return undefined;
    const value = line.slice(2);
    if (line[0] !== 'm') {
      lines.push({ type: line[0]!, value });
      continue;
    }
    lines = [];
    const next = parseMedia(value, lines);
    if (next === undefined || media.length >= MOST_MEDIA) return undefined;
    media.push(next);
  }
  return session[0]?.type === 'v' ? { session, media } : undefined;
}

function parseMedia(value: string, lines: SdpLine[]): SdpMedia | undefined {
  const [kind, port, protocol, ...formats] = value.trim().split(/ +/);
  const match = /^(\d{1,5})(?:\/(\d{1,5}))?$/.exec(port ?? '');
  if (kind === undefined || protocol === undefined || match === null || Number(match[1]) > 65_535)
    return undefined;
  return { kind, port: Number(match[1]), ports: Number(match[2] ?? 1), protocol, formats, lines };
}

/** Writes a session description with CRLF line ends. */
export function printSdp(sdp: Sdp): string {
  const out: string[] = [];
  for (const line of sdp.session) out.push(`${line.type}=${line.value}\r\n`);
  for (const media of sdp.media) {
    out.push(`m=${printMediaLine(media)}\r\n`);
    for (const line of media.lines) out.push(`${line.type}=${line.value}\r\n`);
  }
  return out.join('');
}

function printMediaLine(media: SdpMedia): string {
  const port = media.ports === 1 ? String(media.port) : `${media.port}/${media.ports}`;
  return [media.kind, port, media.protocol, ...media.formats].join(' ');
}
