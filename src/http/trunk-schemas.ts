/** What the API says and takes of groups, numbers and trunks; the words are those of the configuration file. */

const extensionPattern = '^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$';
const host = {
  type: 'string',
  maxLength: 261,
  pattern: '^(\\[[0-9a-fA-F:.]+\\]|[0-9A-Za-z.-]+)(:[0-9]{1,5})?$',
  description: '`host` or `host:port`; without a port it is found by DNS',
} as const;
const publicNumber = { type: 'string', pattern: '^\\+?[0-9]{2,20}$' } as const;
const form = { type: 'string', enum: ['e164', 'digits', 'national', 'as-is'] } as const;
const flag = { type: 'boolean' } as const;
const secret = { type: ['string', 'null'], minLength: 1, maxLength: 256, writeOnly: true } as const;
const account = { type: 'string', minLength: 1, maxLength: 128 } as const;
const seconds = (minimum: number, maximum: number, description: string) =>
  ({ type: 'integer', minimum, maximum, description }) as const;
const time = { type: 'integer', description: 'Milliseconds since 1970-01-01T00:00:00Z' } as const;

export const trunkName = { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$' } as const;
/** Null takes it away. */
export const nullableNumber = { ...publicNumber, type: ['string', 'null'] } as const;
export const numberName = {
  ...publicNumber,
  description: 'A public number; in E.164 where it has one',
} as const;

export const groupFields = {
  name: { type: 'string', minLength: 1, maxLength: 128 },
  ring: {
    type: 'string',
    enum: ['all', 'order'],
    description: '`all`: every member at once. `order`: one after the other',
  },
  members: {
    type: 'array',
    maxItems: 256,
    uniqueItems: true,
    items: { type: 'string', pattern: extensionPattern },
    description: 'Extensions of users or devices, in the order in which they ring',
  },
  memberSeconds: seconds(5, 600, 'How long one member rings in an `order` group'),
} as const;

export const numberFields = {
  target: {
    type: 'string',
    pattern: extensionPattern,
    description: 'The extension of the user, device or group that it leads to',
  },
  trunk: { ...trunkName, description: 'The one trunk it comes in on; any, when absent' },
} as const;

const callerId = {
  type: 'object',
  additionalProperties: false,
  description: 'How callers are shown to the carrier',
  properties: {
    form,
    in: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'string',
        enum: ['from', 'p-asserted-identity', 'p-preferred-identity', 'remote-party-id'],
      },
    },
    number: { ...publicNumber, description: 'The main number' },
    foreign: { ...flag, description: 'Whether numbers that are not its own may be shown' },
  },
} as const;

const inboundShown = {
  sources: {
    type: 'array',
    maxItems: 64,
    items: { type: 'string', pattern: '^[0-9A-Za-z.:\\[\\]/-]{1,255}$' },
    description: 'Addresses, networks, `address:port` and names that its calls come from',
  },
  username: { ...account, description: 'The carrier must prove by digest who it is, with this name' },
  number: { type: 'string', enum: ['auto', 'request-uri', 'to', 'p-called-party-id'] },
  extensions: { ...flag, description: 'Whether extensions can be called directly' },
} as const;

const routes = {
  type: 'array',
  maxItems: 256,
  description:
    'Numbers that go out here; all when absent. The longest pattern counts, then `order`, then the dice',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['pattern'],
    properties: {
      pattern: { type: 'string', pattern: '^(\\*|\\+?[0-9X]{1,31}\\*?)$' },
      strip: { type: 'integer', minimum: 0, maximum: 20 },
      prepend: { type: 'string', pattern: '^[+0-9*#]{0,20}$' },
      order: { type: 'integer', minimum: 0, maximum: 1000 },
      weight: { type: 'integer', minimum: 0, maximum: 1000 },
    },
  },
} as const;

const plain = {
  host,
  transport: { type: 'string', enum: ['udp', 'tcp', 'tls'] },
  more: { type: 'array', maxItems: 16, items: host, description: 'Further gateways, in order' },
  register: { ...flag, description: 'Whether this switch registers there' },
  registerSeconds: seconds(30, 86_400, 'How long a registration is asked for'),
  carrierDomain: { type: 'string', pattern: '^[0-9A-Za-z.-]{1,255}$' },
  country: { type: 'string', pattern: '^[A-Z]{2}$', description: 'ISO 3166' },
  dial: { ...form, description: 'How called numbers are written' },
  callerId,
  routes,
  pingSeconds: seconds(0, 3600, 'How often its gateways are asked by OPTIONS; 0 never'),
  restSeconds: seconds(1, 3600, 'How long a gateway that failed is tried last'),
  patienceSeconds: seconds(1, 60, 'How long a gateway may say nothing of a call'),
} as const;

export const trunkFields = {
  ...plain,
  username: { ...account, description: 'The account there' },
  password: secret,
  inbound: {
    type: 'object',
    additionalProperties: false,
    properties: { ...inboundShown, password: { ...secret, minLength: 8 } },
  },
} as const;

const gatewayState = {
  type: 'object',
  properties: {
    address: { type: 'string' },
    state: { type: 'string', enum: ['unknown', 'up', 'resting'] },
    since: time,
    reason: { type: 'string' },
  },
} as const;

const trunk = {
  type: 'object',
  properties: {
    name: trunkName,
    ...plain,
    username: account,
    hasPassword: flag,
    inbound: { type: 'object', properties: { ...inboundShown, hasPassword: flag } },
    registration: {
      type: 'object',
      description: 'How the registration stands, where there is one',
      properties: {
        state: { type: 'string', enum: ['registering', 'registered', 'failed'] },
        since: time,
        expiresAt: time,
        reason: { type: 'string' },
      },
    },
    gateways: { type: 'array', items: gatewayState },
  },
} as const;

export const trunkComponents: Readonly<Record<string, object>> = {
  Group: {
    type: 'object',
    properties: { extension: { type: 'string', pattern: extensionPattern }, ...groupFields },
  },
  Number: { type: 'object', properties: { number: numberName, ...numberFields } },
  Trunk: trunk,
};
