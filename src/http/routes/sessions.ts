import type { FastifyInstance } from 'fastify';
import { hashPin, pinMatches } from '../../switch/directory/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { problem, Refused } from '../problem.ts';
import { body, fields, nothing, one, problems } from '../schemas.ts';
import { tooMany } from '../who.ts';

type Login = { readonly extension: string; readonly pin: string };

const tags = ['sessions'];

/** Users log in with extension and PIN. */
export function sessionRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { directory, sessions, pinFailures, auditLog, domain, random } = parts;
  // An extension that is nobody's takes as long as a wrong PIN.
  const nobody = hashPin(random.hex(8), random);
  server.post<{ Body: Login }>(
    '/sessions',
    {
      config: { open: true },
      schema: {
        tags,
        summary: 'Begins a session of a user',
        security: [],
        body: body({ extension: fields.extension, pin: fields.pin }, ['extension', 'pin']),
        response: {
          201: one('Session', 'The session; its token is said here only'),
          ...problems(400, 401, 429),
        },
      },
    },
    (request, reply) => {
      const { extension, pin } = request.body;
      const keys = [`source ${request.ip}`, `user ${extension}`];
      const wait = Math.max(...keys.map((key) => pinFailures.wait(key)));
      if (wait > 0) return tooMany(reply, wait);
      const user = directory.user(domain, extension);
      const right = pinMatches(user?.pin ?? nobody, pin);
      if (user?.pin === undefined || !right) {
        for (const key of keys) pinFailures.failed(key);
        return problem(reply, 401, 'Wrong extension or PIN');
      }
      pinFailures.succeeded(`user ${extension}`);
      const { token, session } = sessions.open(user.id);
      const asker = { domain, userId: user.id, admin: false };
      const role = user.role ?? 'user';
      auditLog.write(
        { asker, role, name: `user ${extension}`, from: request.ip },
        { action: 'log in', what: 'sessions' },
      );
      return reply.code(201).send({
        token,
        admin: false,
        role,
        user: user.extension,
        name: user.name,
        expiresAt: session.expiresAt,
      });
    },
  );
  currentSession(server, parts);
}

function currentSession(server: FastifyInstance, { directory, sessions, auditLog }: ApiParts): void {
  server.get(
    '/sessions/current',
    {
      schema: {
        tags,
        summary: 'Who the token belongs to',
        response: { 200: one('Session', 'The session'), ...problems(401) },
      },
    },
    ({ who: { role, session } }) => {
      const user = session === undefined ? undefined : directory.userById(session.userId);
      return {
        admin: role === 'administrator',
        role,
        ...(user === undefined ? {} : { user: user.extension, name: user.name }),
        ...(session === undefined ? {} : { expiresAt: session.expiresAt }),
      };
    },
  );
  server.delete(
    '/sessions/current',
    {
      schema: { tags, summary: 'Ends the session', response: { 204: nothing, ...problems(401, 409) } },
    },
    ({ who }, reply) => {
      if (who.token === undefined) throw new Refused(409, 'A token of the configuration has no session');
      sessions.close(who.token);
      auditLog.write(who, { action: 'log out', what: 'sessions' });
      return reply.code(204).send(null);
    },
  );
}
