import { loopLoad } from '../base/index.ts';
import type { Endpoint } from './call/endpoint.ts';
import { Overload } from './call/overload.ts';
import type { Refusal, SipRequest } from './call/signaling.ts';
import { dialledOf } from './call/inspect.ts';
import { requestOf } from './call/srf-message.ts';
import { SrfIncoming, SrfSignaling } from './call/srf-signaling.ts';
import { asClient } from './call/srf-types.ts';
import { createCore } from './core.ts';
import { deliver } from './features/message.ts';
import type { Trunk } from '../stores/index.ts';
import type { Switch, SwitchParts } from './index.ts';
import { uriParts, type Authenticator } from './registrar/index.ts';
import { otherRequests } from './requests.ts';

/** Puts the switch on a drachtio-srf connection: from here on it answers what phones send, but for REGISTER. */
export function createSwitch(parts: SwitchParts): Switch {
  const { log, authenticator } = parts;
  const srf = asClient(parts.srf);
  const overload = new Overload({ clock: parts.clock, busy: loopLoad() });
  const core = createCore({
    ...parts,
    media: overload.watched(parts.media),
    signaling: new SrfSignaling(srf),
    overload,
    authenticate: (incoming) => caller(authenticator, incoming),
  });
  srf.use('invite', (req, res) => {
    const incoming = new SrfIncoming(srf, req, res);
    const { dialled } = dialledOf(req.uri, uriParts(req.uri));
    core.enter(incoming, dialled).catch((error: unknown) => {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'INVITE not handled');
      incoming.refuse({ status: 500, reason: 'Internal error' });
    });
  });
  const { directory, bindings, settings, clock } = parts;
  const texts = { directory, bindings, clock, signaling: new SrfSignaling(srf) };
  srf.use('message', (req, res) => {
    const request = requestOf(req);
    const sender = authenticated(authenticator, request);
    const answer = ({ status, reason, headers }: Refusal) =>
      res.send(status, reason, { headers: { ...headers } });
    if ('status' in sender) return answer(sender);
    const { dialled } = dialledOf(req.uri, uriParts(req.uri));
    return void deliver(texts, request, sender.endpoint, dialled).then(answer);
  });
  otherRequests(srf, { directory, bindings, authenticator, domain: settings.domain });
  return core;
}

/** The authenticated device behind a request; its From counts for nothing. */
function authenticated(
  authenticator: Authenticator,
  request: SipRequest,
): { readonly endpoint: Endpoint } | Refusal {
  const result = authenticator.check(asReceived(request));
  return result.kind === 'ok'
    ? { endpoint: { kind: 'device', user: result.user, device: result.device } }
    : result;
}

/** Who calls: a device, or a carrier that has an account here. */
function caller(
  authenticator: Authenticator,
  request: SipRequest,
): { readonly endpoint: Endpoint } | { readonly trunk: Trunk } | Refusal {
  const result = authenticator.checkCaller(asReceived(request));
  return result.kind === 'ok'
    ? { endpoint: { kind: 'device', user: result.user, device: result.device } }
    : result;
}

const asReceived = (request: SipRequest) => ({
  method: request.method,
  uri: request.uri,
  protocol: request.source.protocol,
  source_address: request.source.address,
  source_port: request.source.port,
  get: (name: string) => request.get(name),
});
