import type { FastifyInstance } from 'fastify';
import type { ApiParts } from '../api-parts.ts';
import { problems } from '../schemas.ts';
import { tooMany } from '../who.ts';

/** What happens, as it happens. */
export function eventRoutes(server: FastifyInstance, { streams }: ApiParts): void {
  server.get(
    '/events',
    {
      schema: {
        tags: ['events'],
        summary: 'Live events as server-sent events',
        description:
          '`Last-Event-ID` tells what was missed; `reset` comes where that is not known any more. A user is told of ' +
          'the own calls, devices and cold route alone.',
        headers: { type: 'object', properties: { 'last-event-id': { type: 'string', maxLength: 64 } } },
        response: {
          200: {
            description:
              'call.created, call.updated, call.left, call.ended, flip.ringing, flip.answered, flip.moved, ' +
              'flip.failed, flip.cancelled, binding.added, binding.removed, cold-route.changed, routing.changed, reset',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...problems(401, 429),
        },
      },
    },
    (request, reply) => {
      const { who, raw } = request;
      if (!streams.admits(who)) return tooMany(reply, 5);
      const { 'last-event-id': lastEventId } = request.headers;
      reply.hijack();
      raw.socket.setTimeout(0);
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      streams.open(who, reply.raw, typeof lastEventId === 'string' ? lastEventId : undefined);
      return reply;
    },
  );
}
