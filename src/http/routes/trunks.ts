import type { FastifyInstance } from 'fastify';
import type { Gateway, Trunk, TrunkInbound } from '../../stores/index.ts';
import { keptInbound } from '../../switch/directory/index.ts';
import { gatewayName, readGateway } from '../../switch/trunks/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { trunkFields, trunkName } from '../trunk-schemas.ts';
import { keptThings, type Wanted } from './kept-things.ts';

type InboundSaid = Omit<TrunkInbound, 'credentials'> & {
  readonly username?: string;
  readonly password?: string | null;
};
type Said = Partial<
  Omit<Trunk, 'id' | 'domain' | 'name' | 'host' | 'port' | 'more' | 'password' | 'inbound'>
> & {
  readonly host: string;
  readonly more?: readonly string[];
  readonly password?: string | null;
  readonly inbound?: InboundSaid;
};

/** What a carrier has to prove itself with: kept while it is not mentioned, gone with its user name. */
function inboundOf(domain: string, said: InboundSaid, before: TrunkInbound | undefined): TrunkInbound {
  const { username, password, ...rest } = said;
  if (username === undefined) return rest;
  if (typeof password === 'string') return keptInbound(domain, { ...rest, username, password });
  const kept = before?.credentials;
  if (password === null || kept?.username !== username)
    throw new Refused(422, 'inbound.username needs inbound.password');
  return { ...rest, credentials: kept };
}

function gateway(text: string): Gateway {
  const found = readGateway(text);
  if ((found.port ?? 1) < 1 || (found.port ?? 1) > 65_535) throw new Refused(422, `${text} has no such port`);
  return found;
}

function settled({ random }: ApiParts, { domain, name, said, before }: Wanted<Trunk, Said>): Trunk {
  const { host, more, password, inbound, transport = 'udp', register = false, ...rest } = said;
  const secret = password === undefined ? before?.password : (password ?? undefined);
  return {
    id: before?.id ?? random.hex(12),
    domain,
    name,
    transport,
    register,
    ...rest,
    ...gateway(host),
    ...(more === undefined ? {} : { more: more.map(gateway) }),
    ...(secret === undefined ? {} : { password: secret }),
    ...(inbound === undefined ? {} : { inbound: inboundOf(domain, inbound, before?.inbound) }),
  };
}

/** Never a password, nor what is kept of one. */
function show({ product }: ApiParts, trunk: Trunk): object {
  const { id: _id, domain, host, port, more, password, inbound, ...rest } = trunk;
  const { registration, gateways = [] } = product.trunks.state(domain, trunk.name) ?? {};
  return {
    ...rest,
    host: gatewayName({ host, ...(port === undefined ? {} : { port }) }),
    ...(more === undefined ? {} : { more: more.map(gatewayName) }),
    hasPassword: password !== undefined,
    ...(inbound === undefined ? {} : { inbound: inboundShown(inbound) }),
    ...(registration === undefined ? {} : { registration }),
    gateways,
  };
}

const inboundShown = ({ credentials, ...rest }: TrunkInbound): object => ({
  ...rest,
  ...(credentials === undefined ? {} : { username: credentials.username }),
  hasPassword: credentials !== undefined,
});

/** That a secret was changed is worth knowing; what it is now is not to be written anywhere. */
const secrets = ({ password, inbound }: Said): object => ({
  ...(password === undefined ? {} : { password: 'changed' }),
  ...(inbound?.password === undefined ? {} : { inboundPassword: 'changed' }),
});

/** Gateways to the telephone network, and how they stand. */
export function trunkRoutes(server: FastifyInstance, parts: ApiParts): void {
  keptThings<Trunk, Said>(server, parts, {
    path: 'trunks',
    noun: 'trunk',
    component: 'Trunk',
    key: { field: 'name', parameter: 'name', schema: trunkName, of: ({ name }) => name },
    fields: trunkFields,
    required: ['host'],
    all: ({ directory }, domain) => directory.trunks(domain),
    find: ({ directory }, domain, name) => directory.trunk(domain, name),
    settled,
    put: ({ directory }, trunk) => directory.putTrunk(trunk),
    remove: ({ directory }, { id }) => directory.removeTrunk(id),
    show,
    secrets,
  });
}
