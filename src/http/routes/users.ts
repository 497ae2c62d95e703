import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { DirectoryStore, User } from '../../stores/index.ts';
import { credentialsFor, hashPin } from '../../switch/directory/index.ts';
import type { Asker } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { refuseEmergency } from '../emergency.ts';
import { pageBy, partOf, type PageAsked } from '../paging.ts';
import { Refused } from '../problem.ts';
import { body, fields, list, nothing, one, page, params, problems } from '../schemas.ts';
import { deviceFor, userFor } from '../views.ts';
import { nullableNumber } from '../trunk-schemas.ts';
import { needAdministrator } from '../who.ts';

type Ext = { readonly ext: string };
type UserBody = {
  readonly name: string;
  readonly number?: string | null;
  readonly callCodes?: boolean;
  readonly mayGrab?: boolean;
  readonly record?: boolean;
  readonly role?: 'user' | 'supervisor';
  readonly pin?: string | null;
  readonly password?: string | null;
};

/** A user whom the asker may see: everybody for an administrator, oneself for a user. */
function visibleUser(directory: DirectoryStore, extension: string, asker: Asker): User {
  const user = directory.user(asker.domain, extension);
  if (user === undefined || !(asker.admin || user.id === asker.userId))
    throw new Refused(404, 'No such user');
  return user;
}

/** What is said now, what was there when nothing is said, and nothing for null. */
const laidOver = <T>(said: T | null | undefined, before: T | undefined): T | undefined =>
  said === undefined ? before : (said ?? undefined);

const flagsOf = ({ callCodes = true, mayGrab = false, record = false }: Partial<UserBody>) => ({
  callCodes,
  mayGrab,
  record,
});

/** A user with what the request says laid over; a secret that it does not mention stays as it is. */
function changedUser(
  { random }: ApiParts,
  before: Pick<User, 'id' | 'domain' | 'extension'>,
  said: UserBody,
): User {
  const {
    pin: oldPin,
    credentials: oldCredentials,
    role: oldRole,
    number: oldNumber,
    ...rest
  } = before as User;
  const role = said.role ?? oldRole;
  const number = laidOver(said.number, oldNumber);
  const pin = laidOver(typeof said.pin === 'string' ? hashPin(said.pin, random) : said.pin, oldPin);
  const { password } = said;
  const credentials = laidOver(
    typeof password === 'string' ? credentialsFor(rest.extension, rest.domain, password) : password,
    oldCredentials,
  );
  return {
    ...rest,
    name: said.name,
    ...flagsOf({ ...rest, ...said }),
    ...(role === 'supervisor' ? { role } : {}),
    ...(number === undefined ? {} : { number }),
    ...(pin === undefined ? {} : { pin }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

const tags = ['users'];

const userFields = {
  name: fields.name,
  number: nullableNumber,
  callCodes: fields.flag,
  mayGrab: fields.flag,
  record: fields.flag,
  role: fields.role,
  pin: fields.nullablePin,
  password: fields.nullablePassword,
};

/** People and rooms. */
export function userRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { directory, bindings } = parts;
  const show = (user: User) => userFor(user, directory.devicesOf(user.id));
  server.get<{ Querystring: PageAsked }>(
    '/users',
    {
      schema: {
        tags,
        summary: 'Users: all for an administrator, oneself for a user',
        querystring: partOf,
        response: { 200: page('User', 'Users'), ...problems(400, 401) },
      },
    },
    ({ who: { asker }, query }) =>
      pageBy(
        directory.users(asker.domain).filter((user) => asker.admin || user.id === asker.userId),
        query,
        { name: ({ extension }) => extension, show },
      ),
  );
  server.get<{ Params: Ext }>(
    '/users/:ext',
    {
      schema: {
        tags,
        summary: 'One user',
        params: params('ext'),
        response: { 200: one('User', 'The user'), ...problems(401, 404) },
      },
    },
    ({ params: { ext }, who }, reply) => {
      const user = visibleUser(directory, ext, who.asker);
      parts.etags.set(reply, user);
      return show(user);
    },
  );
  server.get<{ Params: Ext }>(
    '/users/:ext/devices',
    {
      schema: {
        tags,
        summary: "The user's devices: where the user's calls can be moved",
        params: params('ext'),
        response: { 200: list('Device', 'Devices'), ...problems(401, 404) },
      },
    },
    ({ params: { ext }, who }) => {
      const user = visibleUser(directory, ext, who.asker);
      return {
        items: directory
          .devicesOf(user.id)
          .map((device) => deviceFor(device, user, bindings.ofDevice(device.id))),
      };
    },
  );
  const change: Changes = { server, parts, show };
  createUser(change);
  changeUser(change);
  removeUser(change);
}

type Changes = {
  readonly server: FastifyInstance;
  readonly parts: ApiParts;
  readonly show: (user: User) => object;
};

const byAdministrator = async (request: FastifyRequest) => needAdministrator(request);

function createUser({ server, parts, show }: Changes): void {
  const { directory, auditLog, etags, random } = parts;
  server.post<{ Body: UserBody & { readonly extension: string } }>(
    '/users',
    {
      schema: {
        tags,
        summary: 'Makes a user',
        body: body({ extension: fields.extension, ...userFields }, ['extension', 'name']),
        response: { 201: one('User', 'The user'), ...problems(400, 401, 403, 409) },
      },
      preHandler: byAdministrator,
    },
    async ({ body: said, who }, reply) => {
      const { extension } = said;
      const { domain } = who.asker;
      refuseEmergency(parts, extension);
      if (directory.resolve(domain, extension) !== undefined)
        throw new Refused(409, `Extension ${extension} is taken`);
      const user = changedUser(parts, { id: random.hex(12), domain, extension }, said);
      await directory.putUser(user);
      auditLog.write(who, { action: 'create', what: `users/${extension}`, after: show(user) });
      etags.set(reply, user);
      return reply.code(201).header('location', `/api/v1/users/${extension}`).send(show(user));
    },
  );
}

function changeUser({ server, parts, show }: Changes): void {
  const { directory, auditLog, etags } = parts;
  server.put<{ Params: Ext; Body: UserBody }>(
    '/users/:ext',
    {
      schema: {
        tags,
        summary: 'Changes a user',
        description: 'A PIN or password that is not mentioned stays; null takes it away.',
        params: params('ext'),
        body: body(userFields, ['name']),
        response: { 200: one('User', 'The user'), ...problems(400, 401, 403, 404, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { who } = request;
      const before = visibleUser(directory, request.params.ext, who.asker);
      etags.check(request, before);
      const user = changedUser(parts, before, request.body);
      await directory.putUser(user);
      if (user.pin !== before.pin || user.role !== before.role) parts.sessions.closeOf(user.id);
      auditLog.write(who, {
        action: 'change',
        what: `users/${user.extension}`,
        before: show(before),
        after: { ...show(user), ...secretsChanged(request.body) },
      });
      etags.set(reply, user);
      return show(user);
    },
  );
}

function removeUser({ server, parts, show }: Changes): void {
  const { directory, auditLog, etags } = parts;
  server.delete<{ Params: Ext }>(
    '/users/:ext',
    {
      schema: {
        tags,
        summary: 'Removes a user with all devices',
        params: params('ext'),
        response: { 204: nothing, ...problems(401, 403, 404, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { who } = request;
      const user = visibleUser(directory, request.params.ext, who.asker);
      etags.check(request, user);
      const before = show(user);
      await directory.removeUser(user.id);
      parts.sessions.closeOf(user.id);
      for (const binding of parts.bindings.ofUser(user.id))
        // oxlint-disable-next-line no-await-in-loop -- a few at most
        await parts.bindings.remove(binding.id, 'administrative');
      auditLog.write(who, { action: 'remove', what: `users/${user.extension}`, before });
      return reply.code(204).send(null);
    },
  );
}

/** That a secret was changed is worth knowing; what it is now is not to be written anywhere. */
export const secretsChanged = (said: { readonly pin?: unknown; readonly password?: unknown }): object => ({
  ...(said.pin === undefined ? {} : { pin: 'changed' }),
  ...(said.password === undefined ? {} : { password: 'changed' }),
});
