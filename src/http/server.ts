import type { AddressInfo } from 'node:net';
import swagger from '@fastify/swagger';
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { SourceRate, type Clock, type Emitter, type Logger, type Random } from '../base/index.ts';
import {
  DirectoryConflict,
  DoubtfulOutcome,
  StoreUnavailable,
  type AuditEntry,
  type AuditStore,
  type BindingStore,
  type ColdRouteStore,
  type DirectoryStore,
  type RecordStore,
  type RoutingStore,
} from '../stores/index.ts';
import type { Switch } from '../switch/index.ts';
import type { Spike } from '../switch/reports/index.ts';
import { api, openApi } from './api.ts';
import { AuditLog } from './audit-log.ts';
import { Etags } from './etag.ts';
import { EventLog } from './event-log.ts';
import { EventStreams } from './event-streams.ts';
import { Failures } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { problem, Refused } from './problem.ts';
import type { Backup } from './routes/backup.ts';
import { components } from './schemas.ts';
import { Sessions } from './sessions.ts';
import { errorsOf, validatorCompiler } from './validation.ts';
import { tooMany } from './who.ts';

/** Whether calls can be taken, and why not. */
export type Health = {
  readonly ready: boolean;
  readonly signaling: 'connected' | 'disconnected';
  readonly media: 'alive' | 'unreachable';
  readonly draining: boolean;
  /** Whether changes can be kept; calls go on when they cannot. */
  readonly store: 'writable' | 'failing';
};

export type HttpLimits = {
  /** What one address may ask, in a second and at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Wrong PINs of one address or user, and wrong tokens of one address, within five minutes. */
  readonly failures: number;
  readonly sessionHours: number;
};

const defaultHttpLimits: HttpLimits = {
  requestsPerSecond: 100,
  requestBurst: 500,
  failures: 10,
  sessionHours: 12,
};

export type HttpOptions = {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly domain: string;
  readonly adminToken: string;
  /** For who may see everything and change nothing. */
  readonly supervisorToken?: string | undefined;
  readonly health: () => Health;
  readonly metrics: Metrics;
  readonly product: Switch;
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly coldRoutes: ColdRouteStore;
  readonly routing: RoutingStore;
  readonly records: RecordStore;
  /** Tells when far more is forwarded outside than usual. */
  readonly spikes?: Emitter<{ spike: Spike }>;
  /** Makes a copy of all that is kept; undefined where that is a server's own affair. */
  readonly backup?: (() => Promise<Backup>) | undefined;
  readonly audit: AuditStore;
  /** Takes an entry of the audit log at once; must not throw. */
  readonly keepAudit: (entry: AuditEntry) => void;
  readonly limits?: Partial<HttpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** What every answer says: nothing here is a page, and nobody else's page may use it. CORS is off. */
const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

function sendError(
  logger: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Refused) return problem(reply, error.status, error.message);
  if (error instanceof DirectoryConflict) return problem(reply, 409, error.message);
  if (error instanceof StoreUnavailable) return unavailable(reply, error);
  const { statusCode = 500, message, validation } = error as FastifyError;
  if (validation !== undefined)
    return problem(reply, 400, 'The request is not as it should be', {
      detail: message,
      errors: errorsOf(validation),
    });
  if (statusCode < 500) return problem(reply, statusCode, message);
  logger.error({ path: request.url, error: String((error as Error).stack ?? error) }, 'HTTP request failed');
  return problem(reply, 500, 'Internal error');
}

/** The database does not do its work: it has been logged, and calls do not need it. */
function unavailable(reply: FastifyReply, error: StoreUnavailable): FastifyReply {
  const doubtful = error instanceof DoubtfulOutcome;
  return problem(reply.header('retry-after', 5), 503, 'What is kept cannot be read or written now', {
    detail: doubtful
      ? 'It may have been saved all the same: look before you try again'
      : 'Nothing was changed',
  });
}

function createServer({ logger, clock, limits }: HttpOptions): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: 65_536,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => void sendError(logger, error, request, reply),
  });
  const { requestsPerSecond, requestBurst } = { ...defaultHttpLimits, ...limits };
  const rate = new SourceRate({ clock, perSecond: requestsPerSecond, burst: requestBurst });
  server.setValidatorCompiler(validatorCompiler);
  server.setNotFoundHandler((_request, reply) => problem(reply, 404, 'There is nothing here'));
  server.setErrorHandler((error, request, reply) => sendError(logger, error, request, reply));
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    const wait = rate.take(request.ip);
    return wait > 0 ? tooMany(reply, wait) : undefined;
  });
  const json = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser(['text/plain', 'application/json']);
  // A DELETE may say what it would be if it had a body.
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined);
    else void json(request, text.toString(), done);
  });
  for (const [name, schema] of Object.entries(components)) server.addSchema({ $id: name, ...schema });
  return server;
}

/** The things that live as long as the server does. */
function parts(options: HttpOptions) {
  const { clock, random, directory, bindings, coldRoutes, routing, product, domain } = options;
  const { sessionHours, failures } = { ...defaultHttpLimits, ...options.limits };
  const sessions = new Sessions({ clock, random, lifetimeMs: sessionHours * 3_600_000 });
  const told = options.spikes === undefined ? {} : { spikes: options.spikes };
  const log = new EventLog({
    calls: product.events,
    trunks: product.trunks.events,
    bindings,
    coldRoutes,
    routing,
    directory,
    domain,
    random,
    ...told,
  });
  const streams = new EventStreams({
    log,
    clock,
    valid: ({ token }) => token === undefined || sessions.find(token) !== undefined,
  });
  const auditLog = new AuditLog({ directory, coldRoutes, routing, keep: options.keepAudit, clock, random });
  const failureLimit = { clock, limit: failures, windowMs: 300_000 };
  return {
    ...options,
    sessions,
    streams,
    auditLog,
    etags: new Etags(random),
    pinFailures: new Failures(failureLimit),
    failures: new Failures({ ...failureLimit, limit: failures * 3 }),
    end: () => {
      streams.close();
      log.close();
      auditLog.close();
    },
  };
}

/** Serves health, metrics and the API; resolves when it listens, and rejects with what is in the way. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { health, metrics } = options;
  const server = createServer(options);
  const living = parts(options);
  await server.register(swagger, openApi);
  server.get('/healthz', { schema: { hide: true } }, (_request, reply) => {
    const state = health();
    return reply
      .code(state.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(state);
  });
  server.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text()),
  );
  await server.register(async (scope) => api(scope, living), { prefix: '/api/v1' });
  try {
    await server.listen({ host: options.host, port: options.port });
  } catch (error) {
    living.end();
    await server.close();
    throw error;
  }
  const { address, port } = server.server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: async () => {
      living.end();
      await server.close();
    },
  };
}
