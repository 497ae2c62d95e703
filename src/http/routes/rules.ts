import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Rule } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { one, RuleBook, type Owned, type RuleSaid } from '../rule-book.ts';
import { owned, ownerKinds, type OwnerKind } from '../rule-owners.ts';
import { mostRules, ruleFields, ruleInList, ruleRequired } from '../rule-schemas.ts';
import { body, fields, list, nothing, one as answer, params, problems } from '../schemas.ts';

type Whose = { readonly ext?: string; readonly number?: string };
type Params = Whose & { readonly id: string };

/** Half a megabyte: several hundred rules with lists of numbers. */
const bodyLimit = 524_288;

/** Answers are rules as they are stored, which have just been checked. */
const serializerCompiler = () => JSON.stringify;

type Given = {
  readonly server: FastifyInstance;
  readonly book: RuleBook;
  readonly parts: ApiParts;
  readonly kind: OwnerKind;
  readonly whose: (request: FastifyRequest) => Owned;
};

/** The rules of users, groups and numbers: the order in the list is the order in which they are looked at. */
export function ruleRoutes(server: FastifyInstance, parts: ApiParts): void {
  const book = new RuleBook(parts);
  for (const kind of ownerKinds) {
    const whose = ({ params, who }: FastifyRequest) =>
      owned(kind, parts.directory, (params as Whose)[kind.parameter] ?? '', who.asker);
    const given = { server, book, parts, kind, whose };
    wholeList(given);
    addition(given);
    order(given);
    oneRule(given);
    changedRule(given);
  }
}

const tags = ['rules'];
const all = (rules: readonly Rule[]) => rules;

function wholeList({ server, book, parts, kind, whose }: Given): void {
  const { etags } = parts;
  server.get<{ Params: Whose }>(
    `${kind.path}/rules`,
    {
      schema: {
        tags,
        summary: `The rules of a ${kind.noun}, in order`,
        params: params(kind.parameter),
        response: { 200: list('Rule', 'Rules'), ...problems(401, 404) },
      },
      serializerCompiler,
    },
    (request, reply) => {
      const rules = book.rules(whose(request));
      etags.set(reply, rules);
      return { items: rules };
    },
  );
  server.put<{ Params: Whose; Body: { readonly items: readonly RuleSaid[] } }>(
    `${kind.path}/rules`,
    {
      bodyLimit,
      schema: {
        tags,
        summary: `Replaces the rules of a ${kind.noun}`,
        description:
          'A rule with an `id` that is there is that one, perhaps changed; the others are new. An administrator replaces locked rules too; without being one, they stay.',
        params: params(kind.parameter),
        body: body({ items: { type: 'array', maxItems: mostRules, items: ruleInList } }, ['items']),
        response: { 200: list('Rule', 'Rules'), ...problems(400, 401, 403, 404, 412, 422) },
      },
      serializerCompiler,
    },
    async (request, reply) => {
      const target = whose(request);
      const rules = await book.change(request, target, all, (before) =>
        book.replaced(request, target, request.body.items, before),
      );
      etags.set(reply, rules);
      return { items: rules };
    },
  );
}

function addition({ server, book, parts, kind, whose }: Given): void {
  server.post<{ Params: Whose; Body: RuleSaid & { readonly position?: number } }>(
    `${kind.path}/rules`,
    {
      schema: {
        tags,
        summary: 'Adds a rule, at the end or at a position',
        params: params(kind.parameter),
        body: body(
          { ...ruleFields, position: { type: 'integer', minimum: 0, maximum: mostRules } },
          ruleRequired,
        ),
        response: { 201: answer('Rule', 'The rule'), ...problems(400, 401, 403, 404, 412, 422) },
      },
      serializerCompiler,
    },
    async (request, reply) => {
      const target = whose(request);
      const { position = mostRules, ...said } = request.body;
      let rule: Rule | undefined;
      await book.change(request, target, all, (before) => {
        rule = book.settled(request, target, said);
        return before.toSpliced(position, 0, rule);
      });
      if (rule === undefined) throw new Error('no rule was made');
      parts.etags.set(reply, rule);
      return reply.code(201).header('location', `/api/v1/${target.what}/rules/${rule.id}`).send(rule);
    },
  );
}

function order({ server, book, parts, kind, whose }: Given): void {
  server.put<{ Params: Whose; Body: { readonly ids: readonly string[] } }>(
    `${kind.path}/rules/order`,
    {
      schema: {
        tags,
        summary:
          'Puts rules into another order: those named come first, the others stay behind them as they are',
        params: params(kind.parameter),
        body: body({ ids: { type: 'array', maxItems: mostRules, items: fields.text } }, ['ids']),
        response: { 200: list('Rule', 'Rules'), ...problems(400, 401, 404, 412, 422) },
      },
      serializerCompiler,
    },
    async (request, reply) => {
      const { ids } = request.body;
      if (new Set(ids).size < ids.length) throw new Refused(422, 'A rule is in the list twice');
      const rules = await book.change(request, whose(request), all, (before) => [
        ...ids.map((id) => one(before, id)),
        ...before.filter(({ id }) => !ids.includes(id)),
      ]);
      parts.etags.set(reply, rules);
      return { items: rules };
    },
  );
}

function oneRule({ server, book, parts, kind, whose }: Given): void {
  const { etags } = parts;
  const path = `${kind.path}/rules/:id`;
  const named = params(kind.parameter, 'id');
  server.get<{ Params: Params }>(
    path,
    {
      schema: {
        tags,
        summary: 'One rule',
        params: named,
        response: { 200: answer('Rule', 'The rule'), ...problems(401, 404) },
      },
      serializerCompiler,
    },
    (request, reply) => {
      const rule = book.one(whose(request), request.params.id);
      etags.set(reply, rule);
      return rule;
    },
  );
}

function changedRule({ server, book, parts, kind, whose }: Given): void {
  const { etags } = parts;
  const path = `${kind.path}/rules/:id`;
  const named = params(kind.parameter, 'id');
  server.put<{ Params: Params; Body: RuleSaid }>(
    path,
    {
      schema: {
        tags,
        summary: 'Changes a rule',
        params: named,
        body: body(ruleFields, ruleRequired),
        response: { 200: answer('Rule', 'The rule'), ...problems(400, 401, 403, 404, 412, 422) },
      },
      serializerCompiler,
    },
    async (request, reply) => {
      const target = whose(request);
      const { id } = request.params;
      const rules = await book.change(
        request,
        target,
        (before) => one(before, id),
        (before) =>
          before.map((rule) => (rule.id === id ? book.settled(request, target, request.body, rule) : rule)),
      );
      const rule = one(rules, id);
      etags.set(reply, rule);
      return rule;
    },
  );
  server.delete<{ Params: Params }>(
    path,
    {
      schema: {
        tags,
        summary: 'Removes a rule',
        params: named,
        response: { 204: nothing, ...problems(401, 403, 404, 412) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await book.change(
        request,
        whose(request),
        (before) => one(before, id),
        (before) => {
          if (one(before, id).locked === true && !request.who.asker.admin)
            throw new Refused(403, 'Only an administrator removes locked rules');
          return before.filter((rule) => rule.id !== id);
        },
      );
      return reply.code(204).send(null);
    },
  );
}
