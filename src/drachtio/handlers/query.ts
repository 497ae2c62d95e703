import { from, parseUri, printMessage, requestUri, to, type IncomingRequest } from '../../sip/index.ts';
import type { RequestHandler } from '../options.ts';

/** Asks a routing service; the text of its answer. Rejects when there is none in time, or an error status. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const userOf = (address: { readonly uri: string } | undefined): string =>
  (address && parseUri(address.uri)?.user) ?? '';

const protocols = { udp: 'udp', tcp: 'tcp', tls: 'tls', ws: 'tcp', wss: 'tls' } as const;

/** What the service is told of a request, as the query part of its URL. */
const queryOf = ({ request, event }: IncomingRequest): URLSearchParams => {
  const uri = requestUri(request);
  const query = new URLSearchParams({
    method: request.method,
    domain: uri?.host ?? '',
    protocol: protocols[event.flow.protocol],
    source_address: event.flow.remote.address,
    fromUser: userOf(from(request)),
    toUser: userOf(to(request)),
    uriUser: uri?.user ?? '',
    contentType: request.headers.get('content-type') ?? '',
    uri: request.uri,
  });
  for (const [name, value] of uri?.parameters ?? []) if (!query.has(name)) query.set(name, value ?? '');
  return query;
};

const answerMs = 3_000;
const answerBytes = 65_536;

/** Sends the question and gives back the answer's text. */
export const ask = async (
  fetch: Fetch,
  handler: RequestHandler,
  incoming: IncomingRequest,
): Promise<string> => {
  const url = new URL(handler.url);
  for (const [name, value] of queryOf(incoming)) url.searchParams.append(name, value);
  const post = handler.httpMethod === 'POST';
  const response = await fetch(url.href, {
    method: post ? 'POST' : 'GET',
    headers: { Accept: 'application/json', ...(post && { 'Content-Type': 'text/plain' }) },
    ...(post && { body: new Uint8Array(printMessage(incoming.request)) }),
    redirect: 'error',
    signal: AbortSignal.timeout(answerMs),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the routing service answered ${response.status}`);
  if (text.length > answerBytes) throw new Error('the routing service answered too much');
  return text;
};
