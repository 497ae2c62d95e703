import type { FastifyInstance } from 'fastify';
import type { ApiParts } from '../api-parts.ts';
import { pageBy, partOf, type PageAsked } from '../paging.ts';
import { Refused } from '../problem.ts';
import { nothing, page, params, problems } from '../schemas.ts';
import { bindingFor } from '../views.ts';
import { needAdministrator } from '../who.ts';

/** Registrations: which device can be reached where. */
export function bindingRoutes(server: FastifyInstance, { bindings, directory, auditLog }: ApiParts): void {
  const tags = ['bindings'];
  server.get<{ Querystring: PageAsked }>(
    '/bindings',
    {
      schema: {
        tags,
        summary: 'Registrations: all for an administrator, the own ones for a user',
        querystring: partOf,
        response: { 200: page('Binding', 'Registrations'), ...problems(400, 401) },
      },
    },
    ({ who: { asker }, query }) => {
      const found =
        asker.userId === undefined
          ? bindings.all().filter((binding) => binding.domain === asker.domain)
          : bindings.ofUser(asker.userId);
      return pageBy(found, query, {
        name: ({ id }) => id,
        show: (binding) => bindingFor(directory, binding),
      });
    },
  );
  server.delete<{ Params: { readonly id: string } }>(
    '/bindings/:id',
    {
      schema: {
        tags,
        summary: 'Forgets a registration; the phone may come back',
        params: params('id'),
        response: { 204: nothing, ...problems(401, 403, 404) },
      },
      preHandler: async (request) => needAdministrator(request),
    },
    async ({ params: { id }, who }, reply) => {
      const binding = bindings.get(id);
      if (binding === undefined || binding.domain !== who.asker.domain)
        throw new Refused(404, 'No such registration');
      const before = bindingFor(directory, binding);
      await bindings.remove(id, 'administrative');
      auditLog.write(who, { action: 'remove', what: `bindings/${id}`, before });
      return reply.code(204).send(null);
    },
  );
}
