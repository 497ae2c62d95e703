import { trunkDefaults, type DirectoryStore, type Trunk } from '../../stores/index.ts';
import type { Endpoint } from '../call/endpoint.ts';
import { fromHeader } from '../call/identity.ts';
import type { Refusal, SipRequest } from '../call/signaling.ts';
import { nameAddress, splitHeader, uriParts } from '../registrar/header-values.ts';
import { isOutsideNumber, type NumberForms } from './number-form.ts';

/** A call that has come in over a trunk: who calls, and what was called, as the directory writes it. */
export type TrunkCall = {
  readonly endpoint: Extract<Endpoint, { kind: 'trunk' }>;
  readonly domain: string;
  readonly dialled: string;
};

export type InboundParts = { readonly directory: DirectoryStore; readonly forms: NumberForms };

/** RFC 3261 §21.4.5, and no more than that: what there is here is nobody's business. */
const unknown: Refusal = { status: 404, reason: 'No such number here' };

/** The user part of a SIP URI, or the number of a tel URI (RFC 3966). */
function userOf(value: string | undefined): string {
  if (value === undefined) return '';
  const tel = /tel:([^;>\s]*)/i.exec(value)?.[1];
  const user = tel ?? uriParts(value)?.user ?? '';
  return /^\+?[\d().-]+$/.test(user) ? user.replaceAll(/[().-]/g, '') : user;
}

/** The first value of a header that may have several. */
const first = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : splitHeader(value)[0];

/** What was called: P-Called-Party-ID (RFC 7315 §4.2), the Request-URI, or To where those name only our account. */
function calledOf(trunk: Trunk, request: SipRequest): string {
  const { number: where = trunkDefaults.inbound.number } = trunk.inbound ?? {};
  const party = userOf(first(request.get('P-Called-Party-ID')));
  const uri = userOf(request.uri);
  const to = userOf(request.get('To'));
  if (where === 'to') return to;
  if (where === 'request-uri') return uri;
  if (where === 'p-called-party-id') return party;
  if (party !== '') return party;
  return uri === '' || uri === trunk.username ? to : uri;
}

/**
 * Who calls: what the carrier asserts (RFC 3325 §9.1) before what From says, and numbers in E.164. A carrier is within the
 * trust domain; what it says of its callers is believed.
 */
function callerOf(forms: NumberForms, trunk: Trunk, request: SipRequest) {
  const asserted = splitHeader(request.get('P-Asserted-Identity') ?? '');
  const best = asserted.find((value) => isOutsideNumber(userOf(nameAddress(value)?.uri))) ?? asserted[0];
  const value = best ?? first(request.get('Remote-Party-ID')) ?? request.get('From') ?? '';
  const { name } = fromHeader(value);
  const said = userOf(nameAddress(value)?.uri);
  const number = isOutsideNumber(said) ? (forms.e164(said, trunk.country) ?? said) : said;
  return { number, name: name === '' ? fromHeader(request.get('From') ?? '').name : name };
}

/** The number of the domain that a trunk's caller may mean; its target is the directory's. */
function numberOf({ directory, forms }: InboundParts, trunk: Trunk, called: string): string | undefined {
  const country = trunk.country ?? '';
  return forms.spellings(called, country).find((spelling) => {
    const found = directory.number(trunk.domain, spelling);
    return found !== undefined && (found.trunk ?? trunk.name) === trunk.name;
  });
}

/** A trunk's INVITE: to a number of this trunk, or where it is allowed an extension, and to nothing else. */
export function trunkCall(parts: InboundParts, trunk: Trunk, request: SipRequest): TrunkCall | Refusal {
  const called = calledOf(trunk, request);
  const number = numberOf(parts, trunk, called);
  const dialled = number ?? (mayDial(parts, trunk, called) ? called : undefined);
  if (dialled === undefined) return unknown;
  const endpoint = { kind: 'trunk', trunk, ...callerOf(parts.forms, trunk, request) } as const;
  return { endpoint, domain: trunk.domain, dialled };
}

function mayDial({ directory }: InboundParts, trunk: Trunk, called: string): boolean {
  const { extensions = trunkDefaults.inbound.extensions } = trunk.inbound ?? {};
  const kind = directory.resolve(trunk.domain, called)?.kind;
  return extensions && kind !== undefined && kind !== 'number';
}
