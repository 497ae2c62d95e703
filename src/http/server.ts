import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../base/index.ts';
import type { BindingStore } from '../stores/index.ts';
import type { Metrics } from './metrics.ts';

/** Whether calls can be taken, and why not. */
export type Health = {
  readonly ready: boolean;
  readonly signaling: 'connected' | 'disconnected';
  readonly media: 'alive' | 'unreachable';
  readonly draining: boolean;
};

export type HttpOptions = {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly adminToken: string;
  readonly health: () => Health;
  readonly metrics: Metrics;
  readonly bindings: BindingStore;
  readonly logger: Logger;
};

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** An error as RFC 9457 says it. */
function problem(reply: FastifyReply, status: number, title: string): FastifyReply {
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', title, status });
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in a time that tells nothing about the token. */
function bearerFits(request: FastifyRequest, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function api(server: FastifyInstance, options: HttpOptions): void {
  server.addHook('onRequest', async (request, reply) => {
    if (bearerFits(request, options.adminToken)) return;
    reply.header('www-authenticate', 'Bearer realm="flipswitch"');
    await problem(reply, 401, 'A bearer token is needed');
  });
  server.get('/bindings', () => ({ items: options.bindings.all() }));
}

/** Serves health, metrics and the API; resolves when it listens, and rejects with what is in the way. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { health, metrics, logger } = options;
  const server = fastify({
    logger: false,
    bodyLimit: 1_048_576,
    requestTimeout: 30_000,
    forceCloseConnections: true,
  });
  server.setNotFoundHandler((_request, reply) => problem(reply, 404, 'There is nothing here'));
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) logger.error({ url: request.url, error: error.message }, 'HTTP request failed');
    return problem(reply, status, status >= 500 ? 'Internal error' : error.message);
  });
  server.get('/healthz', (_request, reply) => {
    const state = health();
    return reply
      .code(state.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(state);
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text()),
  );
  await server.register(async (scope) => api(scope, options), { prefix: '/api/v1' });
  await server.listen({ host: options.host, port: options.port });
  const { address, port } = server.server.address() as AddressInfo;
  return { host: address, port, close: () => server.close() };
}
