import { supportedExtensions } from './capabilities.ts';
import type { Refusal, SipRequest } from './signaling.ts';

/** `privacy` is asked of whoever stands between caller and called (RFC 3323 §4.2), which is us. */
const understood: ReadonlySet<string> = new Set([...supportedExtensions, 'privacy']);

const listOf = (request: SipRequest, name: string): string[] =>
  (request.get(name) ?? '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');

/** What a request asks for that is not understood here: its URI's scheme, an extension, its body (RFC 3261 §8.2.2, §8.2.3). */
export function inspect(request: SipRequest): Refusal | undefined {
  if (!/^(sips?|tel):/i.test(request.uri)) return { status: 416, reason: 'Unsupported URI Scheme' };
  const unknown = ['Require', 'Proxy-Require']
    .flatMap((name) => listOf(request, name))
    .filter((tag) => !understood.has(tag.toLowerCase()));
  if (unknown.length > 0)
    return { status: 420, reason: 'Bad Extension', headers: { Unsupported: unknown.join(', ') } };
  return request.method === 'INVITE' && request.body !== '' ? bodyFault(request) : undefined;
}

function bodyFault(request: SipRequest): Refusal | undefined {
  const encoding = (request.get('Content-Encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity')
    return { status: 415, reason: 'Unsupported Media Type', headers: { 'Accept-Encoding': 'identity' } };
  const type = (request.get('Content-Type') ?? 'application/sdp').split(';')[0]?.trim().toLowerCase();
  if (type === 'application/sdp') return undefined;
  return { status: 415, reason: 'Unsupported Media Type', headers: { Accept: 'application/sdp' } };
}

/** What a Request-URI dials: the user part of a SIP URI, the digits of a tel URI (RFC 3966 §3), and the host it names. */
export function dialledOf(
  uri: string,
  parts: { readonly user: string; readonly host: string } | undefined,
): { readonly dialled: string; readonly host: string | undefined } {
  const tel = /^tel:([^;?]*)/i.exec(uri)?.[1];
  if (tel !== undefined) return { dialled: tel.replaceAll(/[-.()]/g, ''), host: undefined };
  return { dialled: parts?.user ?? '', host: parts?.host };
}
