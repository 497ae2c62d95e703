import type { FastifyInstance } from 'fastify';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { list, nothing, params, problems } from '../schemas.ts';
import { bindingFor } from '../views.ts';
import { needAdministrator } from '../who.ts';

/** Registrations: which device can be reached where. */
export function bindingRoutes(server: FastifyInstance, { bindings, directory, auditLog }: ApiParts): void {
  const tags = ['bindings'];
  server.get(
    '/bindings',
    {
      schema: {
        tags,
        summary: 'Registrations: all for an administrator, the own ones for a user',
        response: { 200: list('Binding', 'Registrations'), ...problems(401) },
      },
    },
    ({ who: { asker } }) => {
      const found =
        asker.userId === undefined
          ? bindings.all().filter((binding) => binding.domain === asker.domain)
          : bindings.ofUser(asker.userId);
      return { items: found.map((binding) => bindingFor(directory, binding)) };
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
