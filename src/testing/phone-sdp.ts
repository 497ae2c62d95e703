// A phone's own, deliberately small idea of SDP, apart from the switch's.

export type PhoneDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export type PhoneCodec = 'PCMU' | 'PCMA' | 'G722' | 'G729' | 'opus' | 'telephone-event';

const codecLines: Readonly<Record<PhoneCodec, { readonly payloadType: number; readonly rtpmap: string }>> = {
  PCMU: { payloadType: 0, rtpmap: 'PCMU/8000' },
  PCMA: { payloadType: 8, rtpmap: 'PCMA/8000' },
  G722: { payloadType: 9, rtpmap: 'G722/8000' },
  G729: { payloadType: 18, rtpmap: 'G729/8000' },
  opus: { payloadType: 111, rtpmap: 'opus/48000/2' },
  'telephone-event': { payloadType: 101, rtpmap: 'telephone-event/8000' },
};

export type Payload = { readonly payloadType: number; readonly rtpmap: string };

export type SdpDescription = {
  readonly address: string;
  readonly port: number;
  readonly payloads: readonly Payload[];
  readonly direction: PhoneDirection;
  readonly version: number;
  /** m-lines that follow the audio and are turned down, as `video 0 RTP/AVP 96`. */
  readonly refused?: readonly string[];
};

export const offeredPayloads = (codecs: readonly PhoneCodec[], events = 101): Payload[] =>
  codecs.map((name) =>
    name === 'telephone-event' ? { ...codecLines[name], payloadType: events } : codecLines[name],
  );

export const writeSdp = (sdp: SdpDescription): string => {
  const family = sdp.address.includes(':') ? 'IP6' : 'IP4';
  const events = sdp.payloads.find((p) => p.rtpmap.startsWith('telephone-event'));
  return [
    'v=0',
    `o=- 1 ${sdp.version} IN ${family} ${sdp.address}`,
    's=-',
    `c=IN ${family} ${sdp.address}`,
    't=0 0',
    `m=audio ${sdp.port} RTP/AVP ${sdp.payloads.map((p) => p.payloadType).join(' ')}`,
    ...sdp.payloads.map((p) => `a=rtpmap:${p.payloadType} ${p.rtpmap}`),
    ...(events === undefined ? [] : [`a=fmtp:${events.payloadType} 0-15`]),
    'a=ptime:20',
    `a=${sdp.direction}`,
    ...(sdp.refused ?? []).map((line) => `m=${line}`),
    '',
  ].join('\r\n');
};

export type RemoteSdp = {
  readonly address: string;
  readonly port: number;
  readonly payloads: readonly Payload[];
  readonly direction: PhoneDirection;
  readonly others: readonly string[];
};

const staticMaps: Readonly<Record<string, string>> = {
  '0': 'PCMU/8000',
  '8': 'PCMA/8000',
  '9': 'G722/8000',
  '18': 'G729/8000',
};

const directionIn = (lines: readonly string[]): PhoneDirection | undefined =>
  lines
    .map((line) => /^a=(sendrecv|sendonly|recvonly|inactive)$/.exec(line)?.[1] as PhoneDirection | undefined)
    .find((found) => found !== undefined);

/** Reads the first audio stream of a session description. */
export const readSdp = (text: string): RemoteSdp | undefined => {
  const [session = '', ...media] = text.split(/^(?=m=)/m);
  const audio = media.find((section) => section.startsWith('m=audio '));
  if (audio === undefined) return undefined;
  const lines = audio.split(/\r?\n/);
  const [, port = '0', , ...formats] = (lines[0] ?? '').trim().split(/\s+/);
  const address = /^c=IN IP[46] (\S+)/m.exec(audio)?.[1] ?? /^c=IN IP[46] (\S+)/m.exec(session)?.[1] ?? '';
  const map = new Map(
    lines
      .map((line) => /^a=rtpmap:(\d+) (\S+)/.exec(line))
      .filter((m) => m !== null)
      .map((m) => [m[1] ?? '', m[2] ?? '']),
  );
  return {
    address,
    port: Number(port),
    payloads: formats.map((f) => ({ payloadType: Number(f), rtpmap: map.get(f) ?? staticMaps[f] ?? '' })),
    direction: directionIn(lines) ?? directionIn(session.split(/\r?\n/)) ?? 'sendrecv',
    others: media
      .filter((section) => section !== audio)
      .map((section) => (section.split(/\r?\n/)[0] ?? '').slice(2)),
  };
};

const sameCodec = (a: string, b: string) =>
  a.toLowerCase().replace(/\/1$/, '') === b.toLowerCase().replace(/\/1$/, '');

/** What of an offer a phone with these codecs takes, in the offer's order and numbers (RFC 3264 §6.1). */
export const commonPayloads = (offer: RemoteSdp, codecs: readonly PhoneCodec[]): Payload[] =>
  offer.payloads.filter((p) => codecs.some((name) => sameCodec(codecLines[name].rtpmap, p.rtpmap)));

const mirrored: Readonly<Record<PhoneDirection, PhoneDirection>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** The direction to answer with, given what the offer says and what the phone itself wants (RFC 3264 §6.1). */
export const answeredDirection = (offered: PhoneDirection, wanted: PhoneDirection): PhoneDirection => {
  const allowed = mirrored[offered];
  const sends = (d: PhoneDirection) => d === 'sendrecv' || d === 'sendonly';
  const receives = (d: PhoneDirection) => d === 'sendrecv' || d === 'recvonly';
  const send = sends(allowed) && sends(wanted);
  const receive = receives(allowed) && receives(wanted);
  if (send) return receive ? 'sendrecv' : 'sendonly';
  return receive ? 'recvonly' : 'inactive';
};

/** A refused m-line: its port becomes 0. */
export const refuse = (line: string): string => line.replace(/^(\S+) \S+/, '$1 0');
