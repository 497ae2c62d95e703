import type { FastifyInstance } from 'fastify';
import type { RingResult } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { explainFields } from '../rule-schemas.ts';
import { body, one, problems } from '../schemas.ts';

type Asked = {
  readonly from?: string;
  readonly to: string;
  readonly at?: number;
  readonly results: readonly (RingResult | 'answered')[];
  readonly lookUp?: string;
};

/** What would come of a call that has not happened. */
export function explainRoutes(server: FastifyInstance, { product, directory, clock }: ApiParts): void {
  server.post<{ Body: Asked }>(
    '/routes/explain',
    {
      config: { reads: true },
      schema: {
        tags: ['rules'],
        summary: 'Who would ring, and why',
        description:
          'Nothing rings, and look-ups are not asked. An administrator may ask about everything; a user about calls to the own extension, and is not told the rules of others.',
        body: body(explainFields, ['to']),
        response: { 200: one('Explanation', 'Step by step'), ...problems(400, 401, 404) },
      },
      serializerCompiler: () => JSON.stringify,
    },
    async ({ body: asked, who: { asker } }) => {
      const { rules } = product;
      const { domain } = asker;
      const { from = '', to, at = clock.wall(), results, lookUp } = asked;
      const own =
        asker.userId === undefined ? undefined : ({ domain, kind: 'user', id: asker.userId } as const);
      if (!asker.admin && rules.ownerOf(domain, to)?.id !== asker.userId)
        throw new Refused(404, 'No such user');
      const caller = {
        number: from,
        anonymous: from === '',
        outside: from === '' || directory.resolve(domain, from) === undefined,
      };
      const steps = await rules.explain({
        domain,
        to,
        caller,
        wall: at,
        results,
        ...(lookUp === undefined ? {} : { lookUp }),
        ...(asker.admin || own === undefined ? {} : { only: own }),
      });
      return {
        from,
        to,
        at,
        steps: steps.map(({ looked, ...step }) => ({
          ...step,
          looked: looked.map(({ owner: { domain: _domain, ...owner }, ...one }) => ({ owner, ...one })),
        })),
      };
    },
  );
}
