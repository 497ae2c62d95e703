import type { FastifyInstance } from 'fastify';
import type { VoiceMessage } from '../../stores/index.ts';
import type { Outcome } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { body, fields, nothing, one, page, paging, params, problems, query } from '../schemas.ts';
import { needDomain } from '../who.ts';

type Ext = { readonly ext: string };
type Id = Ext & { readonly id: string };

function done<T extends object>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Refused(outcome.status, outcome.reason);
  return outcome;
}

const shown = ({ id, at, seconds, from, name, callId, heard }: VoiceMessage) => ({
  id,
  at,
  seconds,
  ...(from === '' ? {} : { from }),
  ...(name === '' ? {} : { name }),
  call: callId,
  heard,
});

const tags = ['mailboxes'];

/** Messages that were left for users. */
export function mailboxRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { product, directory } = parts;
  const { mailboxes } = product;
  server.get(
    '/mailboxes',
    {
      schema: {
        tags,
        summary: 'How many messages everybody has; users without any are left out',
        response: { 200: page('Mailbox', 'Mailboxes'), ...problems(401, 403) },
      },
      preHandler: async (request) => needDomain(request),
    },
    async ({ who: { asker } }) => {
      const items: { extension: string; all: number; unheard: number }[] = [];
      for (const { extension } of directory.users(asker.domain)) {
        // oxlint-disable-next-line no-await-in-loop -- one question after the other
        const found = await mailboxes.summary(extension, asker);
        if (found.ok && found.all > 0) items.push({ extension, all: found.all, unheard: found.unheard });
      }
      return { items };
    },
  );
  server.get<{ Params: Ext }>(
    '/mailboxes/:ext',
    {
      schema: {
        tags,
        summary: 'How many messages a user has',
        params: params('ext'),
        response: { 200: one('Mailbox', 'The mailbox'), ...problems(401, 404) },
      },
    },
    async ({ params: { ext }, who: { asker } }) => {
      const { all, unheard } = done(await mailboxes.summary(ext, asker));
      return { extension: ext, all, unheard };
    },
  );
  const { limit, after } = paging;
  server.get<{
    Params: Ext;
    Querystring: { readonly limit: number; readonly after?: string; readonly heard?: boolean };
  }>(
    '/mailboxes/:ext/messages',
    {
      schema: {
        tags,
        summary: 'Messages, newest first',
        params: params('ext'),
        querystring: query({ limit, after, heard: fields.flag }),
        response: { 200: page('Message', 'Messages'), ...problems(400, 401, 404) },
      },
    },
    async ({ params: { ext }, query: asked, who: { asker } }) => {
      const found = done(await mailboxes.list(ext, asked, asker)).page;
      return { ...found, items: found.items.map(shown) };
    },
  );
  messageRoutes(server, parts);
  soundRoute(server, parts);
}

function messageRoutes(server: FastifyInstance, { product: { mailboxes }, auditLog }: ApiParts): void {
  const what = ({ ext, id }: Id) => `mailboxes/${ext}/messages/${id}`;
  server.get<{ Params: Id }>(
    '/mailboxes/:ext/messages/:id',
    {
      schema: {
        tags,
        summary: 'One message',
        params: params('ext', 'id'),
        response: { 200: one('Message', 'The message'), ...problems(401, 404) },
      },
    },
    async ({ params: { ext, id }, who: { asker } }) =>
      shown(done(await mailboxes.get(ext, id, asker)).message),
  );
  server.patch<{ Params: Id; Body: { readonly heard: boolean } }>(
    '/mailboxes/:ext/messages/:id',
    {
      schema: {
        tags,
        summary: 'Marks a message as heard, or not',
        params: params('ext', 'id'),
        body: body({ heard: fields.flag }, ['heard']),
        response: { 200: one('Message', 'The message'), ...problems(400, 401, 404) },
      },
    },
    async ({ params: { ext, id }, body: { heard }, who: { asker } }) =>
      shown(done(await mailboxes.mark(ext, id, heard, asker)).message),
  );
  server.delete<{ Params: Id }>(
    '/mailboxes/:ext/messages/:id',
    {
      schema: {
        tags,
        summary: 'Removes a message and its sound',
        params: params('ext', 'id'),
        response: { 204: nothing, ...problems(401, 404) },
      },
    },
    async ({ params: named, who }, reply) => {
      done(await mailboxes.remove(named.ext, named.id, who.asker));
      auditLog.write(who, { action: 'remove', what: what(named) });
      return reply.code(204).send(null);
    },
  );
}

function soundRoute(server: FastifyInstance, { product: { mailboxes } }: ApiParts): void {
  server.get<{ Params: Id }>(
    '/mailboxes/:ext/messages/:id/sound',
    {
      schema: {
        tags,
        summary: 'What was said: a WAV file, 8 kHz, 16 bit, mono',
        params: params('ext', 'id'),
        response: {
          200: {
            description: 'The sound',
            content: { 'audio/wav': { schema: { type: 'string', contentEncoding: 'binary' } } },
          },
          ...problems(401, 404),
        },
      },
    },
    async ({ params: { ext, id }, who: { asker } }, reply) => {
      const { size, stream } = done(await mailboxes.sound(ext, id, asker));
      return reply.type('audio/wav').header('content-length', size).send(stream);
    },
  );
}
