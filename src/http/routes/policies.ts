import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RoutingPolicy } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { policyFields } from '../rule-schemas.ts';
import { body, one, problems } from '../schemas.ts';
import { needAdministrator } from '../who.ts';

const byAdministrator = async (request: FastifyRequest) => needAdministrator(request);
const shown = ({ domain: _domain, ...policy }: RoutingPolicy): object => policy;

/** What stands above everybody's rules. */
export function policyRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { product, routing, auditLog, etags } = parts;
  const tags = ['rules'];
  server.get(
    '/policy',
    {
      schema: {
        tags,
        summary: 'The policy of forwarding; for administrators',
        response: { 200: one('RoutingPolicy', 'The policy'), ...problems(401, 403) },
      },
      serializerCompiler: () => JSON.stringify,
      preHandler: byAdministrator,
    },
    ({ who: { asker } }, reply) => {
      const policy = product.rules.policy(asker.domain);
      etags.set(reply, policy);
      return shown(policy);
    },
  );
  server.put<{ Body: Partial<RoutingPolicy> }>(
    '/policy',
    {
      bodyLimit: 524_288,
      schema: {
        tags,
        summary: 'Changes the policy; what is not mentioned stays',
        description: 'Rules that are there already are held to it from the next call on.',
        body: body(policyFields),
        response: { 200: one('RoutingPolicy', 'The policy'), ...problems(400, 401, 403, 412) },
      },
      serializerCompiler: () => JSON.stringify,
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { who } = request;
      const { domain } = who.asker;
      const before = product.rules.policy(domain);
      etags.check(request, before);
      const policy: RoutingPolicy = { ...before, ...request.body, domain };
      await routing.putPolicy(policy);
      auditLog.write(who, { action: 'change', what: 'policy', before: shown(before), after: shown(policy) });
      etags.set(reply, policy);
      return shown(policy);
    },
  );
}
