import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Device, DeviceKind } from '../../stores/index.ts';
import { credentialsFor } from '../../switch/directory/index.ts';
import type { Asker } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { refuseEmergency } from '../emergency.ts';
import { pageBy, partOf, type PageAsked } from '../paging.ts';
import { Refused } from '../problem.ts';
import { body, fields, nothing, one, page, params, problems } from '../schemas.ts';
import { deviceFor } from '../views.ts';
import { needAdministrator } from '../who.ts';
import { secretsChanged } from './users.ts';

type Ext = { readonly ext: string };
type DeviceBody = {
  readonly name: string;
  readonly kind?: DeviceKind;
  readonly trusted?: boolean;
  readonly password?: string;
};
type NewDevice = DeviceBody & {
  readonly extension: string;
  readonly user: string;
  readonly password: string;
  readonly username?: string;
};

const tags = ['devices'];

const deviceFields = {
  name: fields.name,
  kind: fields.kind,
  trusted: fields.flag,
  password: fields.password,
};

/** Phones and apps. */
export function deviceRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { directory, bindings } = parts;
  const show = (device: Device) =>
    deviceFor(device, directory.userById(device.userId), bindings.ofDevice(device.id));
  const visible = (extension: string, asker: Asker): Device => {
    const device = directory.device(asker.domain, extension);
    if (device === undefined || !(asker.admin || device.userId === asker.userId))
      throw new Refused(404, 'No such device');
    return device;
  };
  server.get<{ Querystring: PageAsked }>(
    '/devices',
    {
      schema: {
        tags,
        summary: 'Devices: all for an administrator, the own ones for a user',
        querystring: partOf,
        response: { 200: page('Device', 'Devices'), ...problems(400, 401) },
      },
    },
    ({ who: { asker }, query }) =>
      pageBy(
        directory
          .users(asker.domain)
          .filter((user) => asker.admin || user.id === asker.userId)
          .flatMap((user) => directory.devicesOf(user.id)),
        query,
        { name: ({ extension }) => extension, show },
      ),
  );
  server.get<{ Params: Ext }>(
    '/devices/:ext',
    {
      schema: {
        tags,
        summary: 'One device',
        params: params('ext'),
        response: { 200: one('Device', 'The device'), ...problems(401, 404) },
      },
    },
    ({ params: { ext }, who }, reply) => {
      const device = visible(ext, who.asker);
      parts.etags.set(reply, device);
      return show(device);
    },
  );
  const change: Changes = { server, parts, show, visible };
  createDevice(change);
  changeDevice(change);
  removeDevice(change);
}

type Changes = {
  readonly server: FastifyInstance;
  readonly parts: ApiParts;
  readonly show: (device: Device) => object;
  readonly visible: (extension: string, asker: Asker) => Device;
};

const byAdministrator = async (request: FastifyRequest) => needAdministrator(request);

function createDevice({ server, parts, show }: Changes): void {
  const { directory, auditLog, etags, random } = parts;
  const required = ['extension', 'user', 'name', 'password'] as const;
  const { extension, ...rest } = { extension: fields.extension, user: fields.extension, ...deviceFields };
  server.post<{ Body: NewDevice }>(
    '/devices',
    {
      schema: {
        tags,
        summary: 'Makes a device of a user',
        body: body({ extension, username: fields.extension, ...rest }, required),
        response: { 201: one('Device', 'The device'), ...problems(400, 401, 403, 409, 422) },
      },
      preHandler: byAdministrator,
    },
    async ({ body: said, who }, reply) => {
      const { domain } = who.asker;
      const { extension, name, kind = 'other', trusted = true, username = extension, password } = said;
      const owner = directory.user(domain, said.user);
      if (owner === undefined) throw new Refused(422, `There is no user ${said.user}`);
      refuseEmergency(parts, extension);
      if (directory.resolve(domain, extension) !== undefined)
        throw new Refused(409, `Extension ${extension} is taken`);
      const credentials = credentialsFor(username, domain, password);
      const userId = owner.id;
      const device = { id: random.hex(12), domain, userId, extension, name, kind, trusted, credentials };
      await directory.putDevice(device);
      auditLog.write(who, { action: 'create', what: `devices/${extension}`, after: show(device) });
      etags.set(reply, device);
      return reply.code(201).header('location', `/api/v1/devices/${extension}`).send(show(device));
    },
  );
}

/** A device with what the request says laid over. */
function changed(before: Device, said: DeviceBody): Device {
  const { name, kind = before.kind, trusted = before.trusted, password } = said;
  const username = before.credentials?.username ?? before.extension;
  const secret =
    password === undefined ? {} : { credentials: credentialsFor(username, before.domain, password) };
  return { ...before, name, kind, trusted, ...secret };
}

function changeDevice({ server, parts, show, visible }: Changes): void {
  const { directory, bindings, auditLog, etags } = parts;
  server.put<{ Params: Ext; Body: DeviceBody }>(
    '/devices/:ext',
    {
      schema: {
        tags,
        summary: 'Changes a device',
        description: 'A password that is not mentioned stays; with a new one the phone has to register anew.',
        params: params('ext'),
        body: body(deviceFields, ['name']),
        response: { 200: one('Device', 'The device'), ...problems(400, 401, 403, 404, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { who, body: said } = request;
      const before = visible(request.params.ext, who.asker);
      etags.check(request, before);
      const device = changed(before, said);
      const shownBefore = show(before);
      await directory.putDevice(device);
      if (said.password !== undefined) await bindings.removeDevice(device.id);
      auditLog.write(who, {
        action: 'change',
        what: `devices/${device.extension}`,
        before: shownBefore,
        after: { ...show(device), ...secretsChanged(said) },
      });
      etags.set(reply, device);
      return show(device);
    },
  );
}

function removeDevice({ server, parts, show, visible }: Changes): void {
  const { directory, bindings, auditLog, etags } = parts;
  server.delete<{ Params: Ext }>(
    '/devices/:ext',
    {
      schema: {
        tags,
        summary: 'Removes a device; what it has registered is forgotten',
        params: params('ext'),
        response: { 204: nothing, ...problems(401, 403, 404, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { who } = request;
      const device = visible(request.params.ext, who.asker);
      etags.check(request, device);
      const before = show(device);
      await directory.removeDevice(device.id);
      await bindings.removeDevice(device.id);
      auditLog.write(who, { action: 'remove', what: `devices/${device.extension}`, before });
      return reply.code(204).send(null);
    },
  );
}
