import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiParts } from '../api-parts.ts';
import { pageBy, type PageAsked } from '../paging.ts';
import { Refused } from '../problem.ts';
import { body, nothing, one, page, paging, params, problems, query } from '../schemas.ts';
import { needAdministrator } from '../who.ts';

/** What a request wants to be there; `before` is absent when it is to be made. */
export type Wanted<T, Said> = {
  readonly domain: string;
  readonly name: string;
  readonly said: Said;
  readonly before: T | undefined;
};

/** Something of the directory that an administrator keeps, by a name of its own: a group, a number, a trunk. */
export type KeptThing<T extends { readonly domain: string }, Said> = {
  readonly path: string;
  readonly noun: string;
  readonly component: string;
  /** The field that is its name, which is said when it is made and never changes; and its place in the path. */
  readonly key: {
    readonly field: string;
    readonly parameter: string;
    readonly schema: object;
    readonly of: (thing: T) => string;
  };
  readonly fields: Readonly<Record<string, object>>;
  readonly required: readonly string[];
  readonly all: (parts: ApiParts, domain: string) => readonly T[];
  readonly find: (parts: ApiParts, domain: string, name: string) => T | undefined;
  /** What it becomes; refuses what cannot be. */
  readonly settled: (parts: ApiParts, wanted: Wanted<T, Said>) => T;
  readonly put: (parts: ApiParts, thing: T) => Promise<void>;
  readonly remove: (parts: ApiParts, thing: T) => Promise<void>;
  /** Without anything that is secret. */
  readonly show: (parts: ApiParts, thing: T) => object;
  /** That a secret was changed, for the audit log. */
  readonly secrets?: (said: Said) => object;
};

type Whole<T extends { readonly domain: string }, Said> = {
  readonly server: FastifyInstance;
  readonly parts: ApiParts;
  readonly kind: KeptThing<T, Said>;
};

const byAdministrator = async (request: FastifyRequest) => needAdministrator(request);

/** Reading, making, changing and removing things of one kind. */
export function keptThings<T extends { readonly domain: string }, Said>(
  server: FastifyInstance,
  parts: ApiParts,
  kind: KeptThing<T, Said>,
): void {
  const whole = { server, parts, kind };
  readAll(whole);
  readOne(whole);
  make(whole);
  change(whole);
  take(whole);
}

function found<T extends { readonly domain: string }, Said>(
  { parts, kind }: Whole<T, Said>,
  { params: given, who }: FastifyRequest,
): T {
  const name = (given as Readonly<Record<string, string>>)[kind.key.parameter] ?? '';
  const thing = kind.find(parts, who.asker.domain, name);
  if (thing === undefined) throw new Refused(404, `No such ${kind.noun}`);
  return thing;
}

function readAll<T extends { readonly domain: string }, Said>({ server, parts, kind }: Whole<T, Said>): void {
  server.get<{ Querystring: PageAsked }>(
    `/${kind.path}`,
    {
      schema: {
        tags: [kind.path],
        summary: `All ${kind.path}, by name`,
        querystring: query({ limit: paging.limit, after: paging.after }),
        response: { 200: page(kind.component, kind.path), ...problems(400, 401, 403) },
      },
      preHandler: byAdministrator,
    },
    ({ query: asked, who }) =>
      pageBy(kind.all(parts, who.asker.domain), asked, {
        name: kind.key.of,
        show: (thing) => kind.show(parts, thing),
      }),
  );
}

function readOne<T extends { readonly domain: string }, Said>(whole: Whole<T, Said>): void {
  const { server, parts, kind } = whole;
  server.get(
    `/${kind.path}/:${kind.key.parameter}`,
    {
      schema: {
        tags: [kind.path],
        summary: `One ${kind.noun}`,
        params: params(kind.key.parameter),
        response: { 200: one(kind.component, `The ${kind.noun}`), ...problems(401, 403, 404) },
      },
      preHandler: byAdministrator,
    },
    (request, reply) => told(whole, reply, found({ server, parts, kind }, request)),
  );
}

function told<T extends { readonly domain: string }, Said>(
  { parts, kind }: Whole<T, Said>,
  reply: FastifyReply,
  thing: T,
): object {
  parts.etags.set(reply, thing);
  return kind.show(parts, thing);
}

function make<T extends { readonly domain: string }, Said>(whole: Whole<T, Said>): void {
  const { server, parts, kind } = whole;
  const { field, schema } = kind.key;
  server.post(
    `/${kind.path}`,
    {
      schema: {
        tags: [kind.path],
        summary: `Makes a ${kind.noun}`,
        body: body({ [field]: schema, ...kind.fields }, [field, ...kind.required]),
        response: { 201: one(kind.component, `The ${kind.noun}`), ...problems(400, 401, 403, 409, 422) },
      },
      preHandler: byAdministrator,
    },
    async ({ body: given, who }, reply) => {
      const { [field]: named, ...rest } = given as Readonly<Record<string, unknown>>;
      const [name, said] = [String(named), rest as Said];
      const { domain } = who.asker;
      if (kind.find(parts, domain, name) !== undefined)
        throw new Refused(409, `There is a ${kind.noun} ${name}`);
      const thing = kind.settled(parts, { domain, name, said, before: undefined });
      await kind.put(parts, thing);
      const what = `${kind.path}/${name}`;
      const after = { ...kind.show(parts, thing), ...kind.secrets?.(said) };
      parts.auditLog.write(who, { action: 'create', what, after });
      const shown = told(whole, reply, thing);
      return reply
        .code(201)
        .header('location', `/api/v1/${kind.path}/${encodeURIComponent(name)}`)
        .send(shown);
    },
  );
}

function change<T extends { readonly domain: string }, Said>(whole: Whole<T, Said>): void {
  const { server, parts, kind } = whole;
  server.put(
    `/${kind.path}/:${kind.key.parameter}`,
    {
      schema: {
        tags: [kind.path],
        summary: `Changes a ${kind.noun}: it is what is said then, and what is left out it is not`,
        description: 'Passwords alone stay when they are not mentioned; null takes them away.',
        params: params(kind.key.parameter),
        body: body(kind.fields, kind.required),
        response: {
          200: one(kind.component, `The ${kind.noun}`),
          ...problems(400, 401, 403, 404, 412, 422),
        },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const before = found(whole, request);
      parts.etags.check(request, before);
      const name = kind.key.of(before);
      const { who } = request;
      const said = request.body as Said;
      const shownBefore = kind.show(parts, before);
      const thing = kind.settled(parts, { domain: before.domain, name, said, before });
      await kind.put(parts, thing);
      parts.auditLog.write(who, {
        action: 'change',
        what: `${kind.path}/${name}`,
        before: shownBefore,
        after: { ...kind.show(parts, thing), ...kind.secrets?.(said) },
      });
      return told(whole, reply, thing);
    },
  );
}

function take<T extends { readonly domain: string }, Said>(whole: Whole<T, Said>): void {
  const { server, parts, kind } = whole;
  server.delete(
    `/${kind.path}/:${kind.key.parameter}`,
    {
      schema: {
        tags: [kind.path],
        summary: `Removes a ${kind.noun}`,
        params: params(kind.key.parameter),
        response: { 204: nothing, ...problems(401, 403, 404, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const thing = found(whole, request);
      parts.etags.check(request, thing);
      const before = kind.show(parts, thing);
      await kind.remove(parts, thing);
      const what = `${kind.path}/${kind.key.of(thing)}`;
      parts.auditLog.write(request.who, { action: 'remove', what, before });
      return reply.code(204).send(null);
    },
  );
}
