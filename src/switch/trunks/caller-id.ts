import { trunkDefaults, type CallerIdHeader, type Trunk } from '../../stores/index.ts';
import type { Headers } from '../call/signaling.ts';

/** Who a call comes from, as the carrier is to be told. */
export type OutsideCaller = {
  readonly number: string;
  readonly name: string;
  /** The caller does not want to be shown; the carrier is told who it is all the same (RFC 3325 §7). */
  readonly withheld: boolean;
};

/** RFC 3323 §4.1.1.3. */
const anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>';

/** User parts may have `#`, which a URI may not (RFC 3261 §25.1). */
export const userPart = (number: string): string => encodeURIComponent(number).replaceAll('%2B', '+');

const nameAddr = (name: string, user: string, host: string): string =>
  `${name === '' ? '' : `"${name.replaceAll(/["\\\r\n]/g, ' ')}" `}<sip:${userPart(user)}@${host}>`;

const bracketed = (host: string): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;

/** The domain in From and the asserting headers: the carrier's where we have an account there, else our own. */
export const domainAt = (trunk: Trunk): string =>
  bracketed(trunk.carrierDomain ?? (trunk.register ? trunk.host : trunk.domain));

const names: Readonly<Record<Exclude<CallerIdHeader, 'from'>, string>> = {
  'p-asserted-identity': 'P-Asserted-Identity',
  'p-preferred-identity': 'P-Preferred-Identity',
  'remote-party-id': 'Remote-Party-ID',
};

/** From, To and what says who the caller is, in the headers that this carrier reads. */
export function callerHeadersFor(trunk: Trunk, caller: OutsideCaller, called: string): Headers {
  const { number, name, withheld } = caller;
  const shownIn: readonly CallerIdHeader[] = trunk.callerId?.in ?? trunkDefaults.callerId.in;
  const host = domainAt(trunk);
  const self = nameAddr(name, number, host);
  const account = trunk.username ?? number;
  const from = withheld ? anonymous : shownIn.includes('from') ? self : nameAddr(name, account, host);
  const asserting = shownIn.flatMap((header): [string, string][] => {
    if (header === 'from') return [];
    const privacy = header === 'remote-party-id' ? rpidParameters(withheld) : '';
    return [[names[header], `${self}${privacy}`]];
  });
  return {
    From: from,
    To: `<sip:${userPart(called)}@${bracketed(trunk.carrierDomain ?? trunk.host)}>`,
    ...Object.fromEntries(asserting),
    ...(withheld ? { Privacy: 'id' } : {}),
  };
}

const rpidParameters = (withheld: boolean): string =>
  `;party=calling;screen=yes;privacy=${withheld ? 'full' : 'off'}`;
