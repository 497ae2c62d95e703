import { loopLoad, systemClock as clock, systemRandom as random, type Logger } from '../base/index.ts';
import { MemoryBindingStore, type Binding, type DirectoryStore, type FlowProtocol } from '../stores/index.ts';
import {
  Authenticator,
  Nonces,
  PhonePinger,
  RegisterOverload,
  Registrar,
  SourceGuard,
  answerTo,
  flowOf,
  readRequest,
  routeTo,
  type SrfExchange,
} from '../switch/registrar/index.ts';
import type { Settings } from './settings.ts';
import type { Connection } from './signaling.ts';

/** The registrar for a directory, with its bindings in memory. */
export function createRegistrar(settings: Settings, directory: DirectoryStore, log: Logger) {
  const { registrar: policy, limits } = settings;
  const bindings = new MemoryBindingStore({
    clock,
    random,
    limits: { perDevice: policy.bindingsPerDevice, total: policy.bindings },
  });
  const guard = new SourceGuard({
    clock,
    maxFailures: limits.failuresPerSource,
    failureWindowMs: limits.failureSeconds * 1000,
    banMs: limits.banSeconds * 1000,
    burst: limits.unauthenticatedBurst,
    perSecond: limits.unauthenticatedPerSecond,
    maxSources: limits.sources,
  });
  const nonces = new Nonces({
    clock,
    random,
    secret: random.hex(32),
    lifetimeMs: policy.nonceSeconds * 1000,
    maxUsed: policy.bindings * 2,
  });
  const { algorithms, md5Agents, withoutQop } = policy;
  const authenticator = new Authenticator({
    directory,
    bindings,
    nonces,
    guard,
    policy: { defaultDomain: settings.domain, algorithms, md5Agents, withoutQop },
    logger: log,
  });
  const overload = new RegisterOverload({ clock, busy: loopLoad() });
  const options = { directory, bindings, authenticator, policy, clock, overload };
  const registrar = new Registrar({ ...options, logger: log });
  return { directory, bindings, guard, authenticator, overload, registrar };
}

/** Takes REGISTER and what the engine says of closed connections, and asks phones whether they are there. */
export function serveRegistrar(
  srf: Connection,
  settings: Settings,
  { registrar, bindings }: ReturnType<typeof createRegistrar>,
): () => void {
  srf.use('register', (request) => {
    const exchange = request as unknown as SrfExchange;
    void registrar.handle(readRequest(exchange), answerTo(exchange));
  });
  srf.use('flow-closed', (request) => {
    const protocol = request.protocol as FlowProtocol;
    void registrar.flowClosed({ ...flowOf(request), protocol });
  });
  if (settings.registrar.pingSeconds === 0) return () => bindings.close();
  const pinger = new PhonePinger({
    bindings,
    clock,
    random,
    seconds: settings.registrar.pingSeconds,
    ask: (binding) => isThere(srf, settings.domain, binding),
  });
  return () => {
    pinger.close();
    bindings.close();
  };
}

/** Any answer that comes from the phone will do; 408 and 503 of the engine itself have no source address. */
function isThere(srf: Connection, domain: string, binding: Binding): Promise<boolean> {
  const { uri, proxy } = routeTo(binding);
  const headers = { From: `<sip:${domain}>`, To: `<sip:${binding.aor}@${binding.domain}>` };
  return new Promise((done) => {
    srf.request(
      uri,
      { method: 'OPTIONS', headers, ...(proxy === undefined ? {} : { proxy }) },
      (error, sent) => {
        if (error !== null && error !== undefined) return done(false);
        sent?.on('response', (answer) => done(answer.source_address !== '' && answer.status !== 430));
        return undefined;
      },
    );
  });
}
