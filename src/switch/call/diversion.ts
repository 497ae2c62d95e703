import type { RingResult } from '../../stores/index.ts';
import type { Headers, SipRequest } from './signaling.ts';

/** One forwarding that a call went through: whose, by which number, and why. */
export type Hop = {
  readonly number: string;
  readonly domain: string;
  /** What came of ringing there; nothing rang where it is absent. */
  readonly result?: RingResult | undefined;
};

/** What a request says of the forwardings that it went through before it came here. */
export type History = {
  /** User parts of all who forwarded it, as far as they are named. */
  readonly numbers: readonly string[];
  readonly count: number;
  /** As it came, to be passed on beneath what is added here. */
  readonly diversion: readonly string[];
  readonly historyInfo: readonly string[];
};

/** Entries that are looked at; a request that says more of itself has been round long enough. */
const maxEntries = 20;
const maxLength = 256;

/** Splits a header into its values at the commas that are outside quotes and angle brackets. */
function valuesOf(header: string | undefined): string[] {
  return [...(header ?? '').replaceAll(/\p{Cc}/gu, ' ').matchAll(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,"<])+/g)]
    .map(([value]) => value.trim())
    .filter((value) => value !== '' && value.length <= maxLength)
    .slice(0, maxEntries);
}

const userIn = (value: string): string => {
  const part = /sips?:([^@;>?]*)@|tel:([^;>?]*)/i.exec(value);
  const text = (part?.[1] ?? part?.[2] ?? '').split(':')[0] ?? '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** RFC 5806 §5 and RFC 7044 §5, of a request that came in. */
export function historyOf(request: SipRequest): History {
  const diversion = valuesOf(request.get('Diversion'));
  const historyInfo = valuesOf(request.get('History-Info'));
  const counted = diversion.map((value) => Number(/;\s*counter\s*=\s*"?(\d{1,3})/i.exec(value)?.[1] ?? 1));
  // The last entry of History-Info is where the request now goes.
  const before = historyInfo.slice(0, -1);
  return {
    numbers: [...diversion, ...before].map(userIn).filter((number) => number !== ''),
    count: Math.max(
      counted.reduce((sum, n) => sum + n, 0),
      before.length,
    ),
    diversion,
    historyInfo,
  };
}

/** RFC 5806 §6, and the causes of RFC 4458 §2. */
const reasons: Readonly<Record<RingResult | 'none', { readonly reason: string; readonly cause: number }>> = {
  none: { reason: 'unconditional', cause: 302 },
  busy: { reason: 'user-busy', cause: 486 },
  'no-answer': { reason: 'no-answer', cause: 408 },
  'not-reachable': { reason: 'unavailable', cause: 503 },
  declined: { reason: 'deflection', cause: 480 },
};

const uriOf = ({ number, domain }: Hop, parameters = ''): string =>
  `<sip:${encodeURIComponent(number).replaceAll('%2B', '+')}@${domain}${parameters}>`;

/** Diversion, the latest first, for whoever is rung because of these hops. */
function diversion(hops: readonly Hop[], { diversion: before }: History): string {
  const own = hops
    .toReversed()
    .map((hop) => `${uriOf(hop)};reason=${reasons[hop.result ?? 'none'].reason};counter=1`);
  return [...own, ...before].slice(0, maxEntries).join(', ');
}

/** History-Info, the oldest first: each entry a child of the one before, with the cause that led on (RFC 7044 §7). */
function historyInfo(hops: readonly Hop[], to: Hop, { historyInfo: before }: History): string {
  let index = /;\s*index\s*=\s*([\d.]{1,64})/i.exec(before.at(-1) ?? '')?.[1] ?? '';
  const entries = [...before];
  let cause = '';
  for (const [i, hop] of [...hops, to].entries()) {
    // Who was called first is there already when the request brought a history.
    if (i > 0 || before.length === 0) {
      index = index === '' ? '1' : `${index}.1`;
      entries.push(`${uriOf(hop, cause)};index=${index}${i === 0 ? '' : ';mp=1'}`);
    }
    cause = `;cause=${reasons[hop.result ?? 'none'].cause}`;
  }
  return entries.slice(-maxEntries).join(', ');
}

/**
 * What a request that was forwarded says of it: Diversion (RFC 5806) to everybody, as phones show it and carriers know
 * loops by it; History-Info (RFC 7044) to carriers alone.
 */
export function forwardedHeaders(hops: readonly Hop[], to: Hop | undefined, history: History): Headers {
  if (hops.length === 0) return {};
  return {
    Diversion: diversion(hops, to === undefined ? { ...history, diversion: [] } : history),
    ...(to === undefined ? {} : { 'History-Info': historyInfo(hops, to, history) }),
  };
}
