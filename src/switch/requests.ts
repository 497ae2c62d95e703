import type { BindingStore, DirectoryStore } from '../stores/index.ts';
import { allowedMethods, supportedExtensions } from './call/capabilities.ts';
import { dialledOf, inspect } from './call/inspect.ts';
import type { Refusal } from './call/signaling.ts';
import { requestOf } from './call/srf-message.ts';
import type { SrfClient, SrfRequest, SrfResponse } from './call/srf-types.ts';
import { domainOfHost } from './directory/index.ts';
import { flowOf, uriParts, type Authenticator } from './registrar/index.ts';

export type RequestParts = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly authenticator: Authenticator;
  readonly domain: string;
};

/** RFC 3261 §11.2. */
const ourselves = {
  Allow: `${allowedMethods}, REGISTER`,
  Accept: 'application/sdp',
  'Accept-Encoding': 'identity',
  'Accept-Language': 'en',
  Supported: [...supportedExtensions, 'path', 'outbound'].join(', '),
};

const here: Refusal = { status: 200, reason: 'OK', headers: ourselves };
const tooMany: Refusal = { status: 503, reason: 'Too many requests', headers: { 'Retry-After': '10' } };

/** What is asked outside dialogs and is no call and no registration. */
export function otherRequests(srf: SrfClient, parts: RequestParts): void {
  const answer = (method: string, refusal: (req: SrfRequest) => Refusal) =>
    srf.use(method, (req, res) => send(res, parts.authenticator.admits(req) ? refusal(req) : tooMany));
  answer('options', (req) => optionsAnswer(parts, req));
  for (const method of ['info', 'notify']) answer(method, () => ({ status: 481, reason: 'No such dialog' }));
  for (const method of ['subscribe', 'publish']) answer(method, () => ({ status: 489, reason: 'Bad Event' }));
  answer('refer', () => ({ status: 403, reason: 'Only within a call' }));
}

const send = (res: SrfResponse, { status, reason, headers }: Refusal): void =>
  res.send(status, reason, { headers: { ...headers } });

/** As an INVITE would be answered (RFC 3261 §11.2); but who is there is told to registered phones alone. */
function optionsAnswer(parts: RequestParts, req: SrfRequest): Refusal {
  const fault = inspect(requestOf(req));
  if (fault !== undefined) return fault;
  const { dialled, host } = dialledOf(req.uri, uriParts(req.uri));
  const asksForUs = dialled === '' || !parts.authenticator.isRegistered(flowOf(req));
  return asksForUs ? here : availability(parts, dialled, host);
}

function availability(
  { directory, bindings, domain: ours }: RequestParts,
  dialled: string,
  host?: string,
): Refusal {
  const domain = host === undefined ? directory.domain(ours) : domainOfHost(directory, host, ours);
  const found = domain === undefined ? undefined : directory.resolve(domain.name, dialled);
  if (found === undefined) return { ...here, status: 404, reason: 'No such extension or number' };
  const bound =
    found.kind === 'user'
      ? bindings.ofUser(found.user.id)
      : found.kind === 'device' && bindings.ofDevice(found.device.id);
  return bound !== false && bound.length === 0 ? { ...here, status: 480, reason: 'Not registered' } : here;
}
