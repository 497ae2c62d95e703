import type { FastifyInstance } from 'fastify';
import type { ColdRouteOutcome, ColdRouteView } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { body, fields, nothing, one, params, problems } from '../schemas.ts';
import type { Who } from '../who.ts';

type Ext = { readonly ext: string };

const all = { device: null };

function shown(outcome: ColdRouteOutcome): ColdRouteView | typeof all {
  if (!outcome.ok) throw new Refused(outcome.status, outcome.reason);
  return outcome.coldRoute ?? all;
}

/** Which one device rings for a user. */
export function coldRouteRoutes(server: FastifyInstance, { product, auditLog }: ApiParts): void {
  const tags = ['cold route'];
  const { coldRoutes } = product;
  const change = async (ext: string, device: string | undefined, who: Who) => {
    const before = shown(coldRoutes.get(ext, who.asker));
    const after = shown(await auditLog.through(() => coldRoutes.set(ext, device, who.asker)));
    auditLog.write(who, {
      action: 'change',
      what: `users/${ext}/cold-route`,
      before: { device: before.device },
      after: { device: after.device },
    });
    return after;
  };
  server.get<{ Params: Ext }>(
    '/users/:ext/cold-route',
    {
      schema: {
        tags,
        summary: 'The one device that rings for a user, or null',
        params: params('ext'),
        response: { 200: one('ColdRoute', 'The cold route'), ...problems(401, 404) },
      },
    },
    ({ params: { ext }, who }) => shown(coldRoutes.get(ext, who.asker)),
  );
  server.put<{ Params: Ext; Body: { readonly device: string } }>(
    '/users/:ext/cold-route',
    {
      schema: {
        tags,
        summary: 'Lets one device ring, from the next call on',
        params: params('ext'),
        body: body({ device: fields.extension }, ['device']),
        response: { 200: one('ColdRoute', 'The cold route'), ...problems(400, 401, 403, 404) },
      },
    },
    ({ params: { ext }, body: { device }, who }) => change(ext, device, who),
  );
  server.delete<{ Params: Ext }>(
    '/users/:ext/cold-route',
    {
      schema: {
        tags,
        summary: 'Lets all devices ring again',
        params: params('ext'),
        response: { 204: nothing, ...problems(401, 404) },
      },
    },
    async ({ params: { ext }, who }, reply) => {
      await change(ext, undefined, who);
      return reply.code(204).send(null);
    },
  );
}
