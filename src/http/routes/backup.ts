import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { StoreUnavailable } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { problems } from '../schemas.ts';
import { needAdministrator } from '../who.ts';

/** A copy of all that is kept, to be read once. */
export type Backup = { readonly bytes: number; readonly stream: Readable };

/** A copy of the database while it is in use. */
export function backupRoutes(server: FastifyInstance, { backup, auditLog }: ApiParts): void {
  let running = false;
  const made = async (make: () => Promise<Backup>): Promise<Backup> => {
    if (running) throw new Refused(409, 'A backup is being made already');
    running = true;
    try {
      return await make();
    } catch (error) {
      throw new StoreUnavailable(String(error), { cause: error });
    } finally {
      running = false;
    }
  };
  server.post(
    '/backup',
    {
      schema: {
        tags: ['backup'],
        summary: 'A copy of the database file as it is at one moment',
        description:
          'Directory, routing, cold routes, call records and audit log; no recordings. It holds what is kept of ' +
          'passwords. 409 where the data lies in PostgreSQL, which has pg_dump.',
        response: {
          200: {
            description: 'The file',
            content: { 'application/vnd.sqlite3': { schema: { type: 'string', format: 'binary' } } },
          },
          ...problems(401, 403, 409),
        },
      },
      preHandler: async (request) => needAdministrator(request),
    },
    async ({ who }, reply) => {
      if (backup === undefined) throw new Refused(409, 'PostgreSQL keeps the data: back it up with pg_dump');
      const { bytes, stream } = await made(backup);
      auditLog.write(who, { action: 'create', what: 'backup' });
      return reply
        .type('application/vnd.sqlite3')
        .header('content-length', bytes)
        .header('content-disposition', 'attachment; filename="flipswitch.db"')
        .send(stream);
    },
  );
}
