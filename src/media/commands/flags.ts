import { ngDictionary, ngList, ngNumber, ngText, type NgDictionary } from '../../ng/index.ts';
import type { SdpAddress } from '../../sdp/index.ts';
import type { CodecWishes } from '../relay/codec-choice.ts';

/** The options of an offer, answer or subscription that this engine heeds. */
export type Flags = {
  readonly set: ReadonlySet<string>;
  readonly replaceOrigin: boolean;
  readonly zeroAddress: boolean;
  readonly singleCodec: boolean;
  readonly stripExtmap: boolean;
  readonly packetTime: number;
  readonly packetTimeReverse: number;
  readonly transportProtocol: string | undefined;
  readonly rtcpMux: ReadonlySet<string>;
  readonly family: 'IP4' | 'IP6' | undefined;
  /** What the description that is passed on says of where the relay is. */
  readonly mediaAddress: SdpAddress | undefined;
  /** Where the sender of the description is, whatever that says. */
  readonly sourceAddress: string | undefined;
  readonly codec: CodecWishes;
  readonly sdes: ReadonlySet<string>;
  readonly label: string | undefined;
  readonly viaBranch: string | undefined;
  readonly recordCall: boolean | undefined;
  /** Whether what is sent before the answer is passed on. */
  readonly earlyMedia: boolean;
};

/** Spaces and hyphens are the same in flags. */
const tidy = (flag: string) => flag.trim().replaceAll(' ', '-');

export function parseFlags(request: NgDictionary): Flags {
  const list = (key: string) => ngList(request, key).map(tidy);
  const set = new Set(list('flags'));
  const after = (prefix: string) =>
    [...set].filter((f) => f.startsWith(prefix)).map((f) => f.slice(prefix.length));
  const replace = list('replace');
  const codec = ngDictionary(request, 'codec');
  const wishes = (key: string) => [...ngList(codec, key), ...after(`codec-${key}-`)];
  return {
    set,
    replaceOrigin: replace.includes('origin') || set.has('replace-origin'),
    zeroAddress: replace.includes('zero-address') || set.has('replace-zero-address'),
    singleCodec: set.has('single-codec'),
    stripExtmap: set.has('strip-extmap'),
    packetTime: packetTime(request, ['ptime']),
    packetTimeReverse: packetTime(request, [
      'ptime-reverse',
      'ptime reverse',
      'reverse-ptime',
      'reverse ptime',
    ]),
    transportProtocol: ngText(request, 'transport-protocol') ?? ngText(request, 'transport protocol'),
    rtcpMux: new Set([...list('rtcp-mux'), ...after('rtcp-mux-')]),
    family: familyOf(ngText(request, 'address-family') ?? ngText(request, 'address family')),
    mediaAddress: addressOf(ngText(request, 'media-address') ?? ngText(request, 'media address')),
    sourceAddress: set.has('SIP-source-address')
      ? addressOf(ngList(request, 'received-from')[1] ?? ngList(request, 'received from')[1])?.address
      : undefined,
    codec: {
      strip: wishes('strip'),
      mask: wishes('mask'),
      consume: wishes('consume'),
      accept: [...wishes('accept'), ...(set.has('always-transcode') ? ['all'] : [])],
      except: wishes('except'),
      offer: wishes('offer'),
      transcode: wishes('transcode'),
    },
    sdes: new Set([...list('SDES'), ...after('SDES-')]),
    label: ngText(request, 'label'),
    viaBranch: ngText(request, 'via-branch'),
    recordCall: recordCall(ngText(request, 'record-call') ?? ngText(request, 'record call'), set),
    earlyMedia: !['no', 'off'].includes(ngText(request, 'early-media') ?? ''),
  };
}

const LONGEST_PACKET_MS = 200;

/** In milliseconds; 0 where the request has none, or none that a packet could have. */
function packetTime(request: NgDictionary, keys: readonly string[]): number {
  for (const key of keys) {
    const ms = ngNumber(request, key) ?? Number(ngText(request, key) ?? Number.NaN);
    if (Number.isInteger(ms) && ms > 0 && ms <= LONGEST_PACKET_MS) return ms;
  }
  return 0;
}

function familyOf(text: string | undefined): 'IP4' | 'IP6' | undefined {
  if (text === 'IP4' || text === 'inet') return 'IP4';
  return text === 'IP6' || text === 'inet6' ? 'IP6' : undefined;
}

function addressOf(text = ''): SdpAddress | undefined {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return { family: 'IP4', address: text };
  return /^[\da-f.]*:[\da-f.:]*$/i.test(text) ? { family: 'IP6', address: text } : undefined;
}

function recordCall(text: string | undefined, set: ReadonlySet<string>): boolean | undefined {
  if (text === 'yes' || text === 'on' || set.has('record-call')) return true;
  return text === 'no' || text === 'off' ? false : undefined;
}
