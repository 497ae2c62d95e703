import type { Endpoint } from './call/endpoint.ts';
import type { Incoming, Refusal } from './call/signaling.ts';
import { allowedMethods } from './call/srf-dialog.ts';
import { SrfIncoming, SrfSignaling } from './call/srf-signaling.ts';
import { asClient, type SrfClient } from './call/srf-types.ts';
import { createCore } from './core.ts';
import type { Switch, SwitchParts } from './index.ts';
import { uriParts, type Authenticator } from './registrar/index.ts';

/** Puts the switch on a drachtio-srf connection: from here on it answers what phones send, but for REGISTER. */
export function createSwitch(parts: SwitchParts): Switch {
  const { log, authenticator } = parts;
  const srf = asClient(parts.srf);
  const core = createCore({
    ...parts,
    signaling: new SrfSignaling(srf),
    authenticate: (incoming) => authenticated(authenticator, incoming),
  });
  srf.use('invite', (req, res) => {
    const incoming = new SrfIncoming(srf, req, res);
    core.enter(incoming, uriParts(req.uri)?.user ?? '').catch((error: unknown) => {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'INVITE not handled');
      incoming.refuse({ status: 500, reason: 'Internal error' });
    });
  });
  otherRequests(srf);
  return core;
}

/** The authenticated device behind an INVITE; its From counts for nothing. */
function authenticated(
  authenticator: Authenticator,
  incoming: Incoming,
): { readonly endpoint: Endpoint } | Refusal {
  const { method, uri, source } = incoming;
  const result = authenticator.check({
    method,
    uri,
    protocol: source.protocol,
    source_address: source.address,
    source_port: source.port,
    get: (name) => incoming.get(name),
  });
  return result.kind === 'ok'
    ? { endpoint: { kind: 'device', user: result.user, device: result.device } }
    : result;
}

/** Requests outside dialogs that are no calls. */
function otherRequests(srf: SrfClient): void {
  srf.use('options', (_req, res) =>
    res.send(200, { headers: { Allow: allowedMethods, Accept: 'application/sdp' } }),
  );
  for (const method of ['info', 'update', 'notify', 'bye'])
    srf.use(method, (_req, res) => res.send(481, 'No such dialog', {}));
  for (const method of ['subscribe', 'publish'])
    srf.use(method, (_req, res) => res.send(489, 'Bad Event', {}));
  for (const method of ['refer', 'message'])
    srf.use(method, (_req, res) =>
      res.send(405, 'Only within a call', { headers: { Allow: allowedMethods } }),
    );
}
