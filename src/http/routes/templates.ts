import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fromTemplate, type TemplateParameters } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { RuleBook } from '../rule-book.ts';
import { owned, ownerKinds } from '../rule-owners.ts';
import { templates } from '../template-schemas.ts';
import { list, params, problems } from '../schemas.ts';
import { needAdministrator } from '../who.ts';

type Whose = { readonly ext?: string; readonly number?: string };

/** What is not said; discriminated schemas give no defaults. */
const usual: object = { seconds: 20, days: 7 };

/** Rules made from a few words: for those who do not want to write them one by one. */
export function templateRoutes(server: FastifyInstance, parts: ApiParts): void {
  const book = new RuleBook(parts);
  const tags = ['rules'];
  for (const kind of ownerKinds) {
    const whose = ({ params, who }: FastifyRequest) =>
      owned(kind, parts.directory, (params as Whose)[kind.parameter] ?? '', who.asker);
    server.post<{ Params: Whose; Body: TemplateParameters & { readonly replace?: boolean } }>(
      `${kind.path}/rules/from-template`,
      {
        schema: {
          tags,
          summary: 'Adds the rules of a template, or puts them in place of all others',
          params: params(kind.parameter),
          body: templates,
          response: {
            200: list('Rule', 'The rules that are there now'),
            ...problems(400, 401, 403, 404, 412, 422),
          },
        },
        serializerCompiler: () => JSON.stringify,
      },
      async (request, reply) => {
        const target = whose(request);
        const { replace = false, ...said } = request.body;
        const parameters = { ...usual, ...said };
        const drafts = fromTemplate(parameters, parts.product.rules.nameOf(target.owner));
        const rules = await book.change(
          request,
          target,
          (before) => before,
          (before) => [
            ...(replace ? before.filter(({ locked }) => locked === true) : before),
            ...drafts.map((draft) => book.settled(request, target, draft)),
          ],
        );
        parts.etags.set(reply, rules);
        return { items: rules };
      },
    );
    server.get<{ Params: Whose }>(
      `${kind.path}/rules/tree`,
      {
        schema: {
          tags,
          summary: 'Where calls go when nobody answers, as a Mermaid flowchart; for administrators',
          params: params(kind.parameter),
          response: {
            200: { description: 'The tree', type: 'object', properties: { mermaid: { type: 'string' } } },
            ...problems(401, 403, 404),
          },
        },
        // It shows the rules of others, too.
        preHandler: async (request) => needAdministrator(request),
      },
      (request) => ({ mermaid: parts.product.rules.failoverTree(whose(request).owner) }),
    );
  }
}
