import { Emitter } from '../base/index.ts';
import type { Call, CallContext } from './call/call.ts';
import { CallRate } from './call/call-rate.ts';
import type { CallEvents } from './call/call-view.ts';
import { Calls } from './call/calls.ts';
import type { Endpoint } from './call/endpoint.ts';
import type { Ring } from './call/ring.ts';
import type { Incoming, Refusal } from './call/signaling.ts';
import { allowedMethods } from './call/srf-dialog.ts';
import { SrfIncoming, SrfSignaling } from './call/srf-signaling.ts';
import { asClient, type SrfClient } from './call/srf-types.ts';
import { wayIn } from './call/way-in.ts';
import { onInvite } from './features/on-invite.ts';
import type { Asker, Outcome, Switch, SwitchParts } from './index.ts';
import { uriParts, type Authenticator } from './registrar/index.ts';

/** Puts the switch on a drachtio-srf connection: from here on it answers what phones send, but for REGISTER. */
export function createSwitch(parts: SwitchParts): Switch {
  const { settings, directory, bindings, clock, log } = parts;
  const srf = asClient(parts.srf);
  const calls = new Calls();
  const rings = new Set<Ring>();
  const context: CallContext = {
    signaling: new SrfSignaling(srf),
    engine: parts.media,
    settings,
    events: new Emitter<CallEvents>(),
    clock,
    random: parts.random,
    log,
    phone: {
      info: () => false,
      refer: (_call, _leg, request) => request.respond(603, { reason: 'Transfer is not available' }),
    },
  };
  let accepting = true;
  const plan = { directory, bindings, settings };
  const enter = wayIn({
    ...plan,
    context,
    calls,
    rings,
    rate: new CallRate({
      clock,
      perSecond: settings.limits.callsPerSecond,
      burst: settings.limits.callBurst,
    }),
    accepting: () => accepting,
    authenticate: (incoming) => authenticated(parts.authenticator, incoming),
    features: onInvite({ calls, directory, settings }),
  });
  srf.use('invite', (req, res) => {
    const incoming = new SrfIncoming(srf, req, res);
    enter(incoming, uriParts(req.uri)?.user ?? '').catch((error: unknown) => {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'INVITE not handled');
      incoming.refuse({ status: 500, reason: 'Internal error' });
    });
  });
  otherRequests(srf);
  bindings.events.on('added', (binding) => {
    for (const ring of rings) ring.registered(binding);
  });
  return {
    events: context.events,
    ...callControl(calls),
    flipCall: () => ({ ok: false, status: 501, reason: 'Not available yet' }),
    cancelFlip: () => ({ ok: false, status: 501, reason: 'Not available yet' }),
    dtmfLog: () => undefined,
    drain: (seconds) => {
      accepting = false;
      return drained(calls, context, seconds);
    },
    describe: () => ({ calls: calls.all().map((call) => call.view()), accepting }),
  };
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

const mayTouch = (call: Call, asker: Asker): boolean =>
  call.domain === asker.domain &&
  (asker.admin || (asker.userId !== undefined && call.users().has(asker.userId)));

function callControl(calls: Calls): Pick<Switch, 'listCalls' | 'getCall' | 'endCall'> {
  const visible = (id: string, asker: Asker): Call | undefined => {
    const call = calls.get(id);
    return call !== undefined && mayTouch(call, asker) ? call : undefined;
  };
  return {
    listCalls: (asker) =>
      calls
        .all()
        .filter((call) => mayTouch(call, asker))
        .map((call) => call.view()),
    getCall: (id, asker) => visible(id, asker)?.view(),
    endCall: (id, asker): Outcome<object> => {
      const call = visible(id, asker);
      if (call === undefined) return { ok: false, status: 404, reason: 'No such call' };
      call.end('switch', { cause: 200, text: 'Ended by request' });
      return { ok: true };
    },
  };
}

function drained(calls: Calls, context: CallContext, seconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (calls.size === 0) return resolve();
    const timer = context.clock.after(seconds * 1000, () => {
      for (const call of calls.all()) call.end('switch', { cause: 503, text: 'Shutting down' });
    });
    const off = context.events.on('ended', () => {
      if (calls.size > 0) return;
      off();
      timer.cancel();
      resolve();
    });
    return undefined;
  });
}
