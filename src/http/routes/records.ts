import type { FastifyInstance } from 'fastify';
import type { RecordQuery } from '../../stores/index.ts';
import type { Asker } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { recordsAsCsv } from '../csv.ts';
import { Refused } from '../problem.ts';
import { fields, one, page, paging, params, problems, query } from '../schemas.ts';
import { auditFor, recordFor } from '../views.ts';
import { needAdministrator } from '../who.ts';

type Paging = {
  readonly limit: number;
  readonly after?: string;
  readonly since?: number;
  readonly until?: number;
};
type RecordFilter = Paging & {
  readonly user?: string;
  readonly number?: string;
  readonly answered?: boolean;
  readonly format?: 'json' | 'csv';
};
type AuditFilter = Paging & { readonly who?: string; readonly what?: string };

/** Nobody's id: what is asked for a user who does not exist, or is none of the asker's business, finds nothing. */
const nobody = '';

function userIdOf({ directory }: ApiParts, user: string | undefined, asker: Asker): string | undefined {
  const asked = user === undefined ? undefined : (directory.user(asker.domain, user)?.id ?? nobody);
  if (asker.admin) return asked;
  return asked === undefined || asked === asker.userId ? (asker.userId ?? nobody) : nobody;
}

/** Calls that are over. */
export function recordRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { records, directory } = parts;
  const tags = ['records'];
  server.get<{ Querystring: RecordFilter }>(
    '/records',
    {
      schema: {
        tags,
        summary: 'Records of calls, newest first: all for an administrator, the own ones for a user',
        querystring: query({
          ...paging,
          user: { ...fields.extension, description: 'Whose calls' },
          number: { type: 'string', maxLength: 64, description: 'Either side of the call' },
          answered: fields.flag,
          format: { type: 'string', enum: ['json', 'csv'], default: 'json' },
        }),
        response: { 200: page('CallRecord', 'Records, or text/csv when asked for'), ...problems(400, 401) },
      },
    },
    async ({ query: { user, format, ...filter }, who: { asker } }, reply) => {
      const userId = userIdOf(parts, user, asker);
      const asked: RecordQuery = {
        domain: asker.domain,
        ...filter,
        ...(userId === undefined ? {} : { userId }),
      };
      const found = await records.list(asked);
      if (format === 'csv')
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="records.csv"')
          .serializer(String)
          .send(recordsAsCsv(found.items));
      return { ...found, items: found.items.map((record) => recordFor(record, asker, directory)) };
    },
  );
  server.get<{ Params: { readonly id: string } }>(
    '/records/:id',
    {
      schema: {
        tags,
        summary: 'The record of one call',
        params: params('id'),
        response: { 200: one('CallRecord', 'The record'), ...problems(401, 404) },
      },
    },
    async ({ params: { id }, who: { asker } }) => {
      const record = await records.get(asker.domain, id);
      const own = asker.userId !== undefined && record?.userIds.includes(asker.userId);
      if (record === undefined || !(asker.admin || own)) throw new Refused(404, 'No such record');
      return recordFor(record, asker, directory);
    },
  );
}

/** Who changed what; there is nothing that could change it. */
export function auditRoutes(server: FastifyInstance, { audit }: ApiParts): void {
  server.get<{ Querystring: AuditFilter }>(
    '/audit',
    {
      schema: {
        tags: ['audit'],
        summary: 'Who changed what, from where, old and new; newest first',
        querystring: query({
          ...paging,
          who: { type: 'string', maxLength: 64, description: '`administrator`, `user 100`, `device 1001`' },
          what: {
            type: 'string',
            maxLength: 200,
            description: 'A path such as `users/100`, and all beneath',
          },
        }),
        response: { 200: page('AuditEntry', 'Entries'), ...problems(400, 401, 403) },
      },
      preHandler: async (request) => needAdministrator(request),
    },
    async ({ query: filter, who: { asker } }) => {
      const found = await audit.list({ domain: asker.domain, ...filter });
      return { ...found, items: found.items.map(auditFor) };
    },
  );
}
