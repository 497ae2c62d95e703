/** The JSON Schemas of the API: what requests are checked against, and what `openapi.json` says. */
import { ruleComponents } from './rule-schemas.ts';
import { trunkComponents } from './trunk-schemas.ts';

const extensionPattern = '^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$';

export const extension = {
  type: 'string',
  pattern: extensionPattern,
  description: 'Extension of a user, device or group',
} as const;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const milliseconds = { type: 'number', description: 'Milliseconds' } as const;
const time = { type: 'integer', description: 'Milliseconds since 1970-01-01T00:00:00Z' } as const;
const side = { type: 'string', enum: ['caller', 'callee'] } as const;
const name = { type: 'string', minLength: 1, maxLength: 128 } as const;
const password = { type: 'string', minLength: 8, maxLength: 256, writeOnly: true } as const;
const pin = { type: 'string', pattern: '^[0-9]{3,16}$', writeOnly: true } as const;
const kind = {
  type: 'string',
  enum: ['desk', 'mobile', 'desktop', 'browser', 'gateway', 'other'],
} as const;
const role = {
  type: 'string',
  enum: ['user', 'supervisor'],
  description: 'A supervisor sees everything in the domain',
} as const;
const reason = {
  type: 'object',
  properties: { cause: { type: 'integer' }, text },
} as const;

/** Something optional that may be taken away by `null`. */
const nullable = <T extends { readonly type: string }>(schema: T) => ({
  ...schema,
  type: [schema.type, 'null'],
});

const flip = {
  type: 'object',
  properties: {
    id: text,
    call: { type: 'string', description: 'The call, where it is not around it' },
    kind: { type: 'string', description: '`pull`, `push`, `replaces`, `transfer` or `rescue`' },
    party: side,
    by: text,
    from: text,
    to: text,
    startedAt: time,
    result: { type: 'string', enum: ['ringing', 'answered', 'moved', 'failed'] },
    reason: text,
    setup_ms: { ...milliseconds, description: 'From the request to the answer' },
    audio_ms: { ...milliseconds, description: 'From the answer to audio from the new device' },
    audio_back_ms: { ...milliseconds, description: 'From the answer to audio to the new device' },
    gap_ms: { ...milliseconds, description: 'The silence that the far party heard' },
    lost_packets: { type: 'integer', description: 'Packets that the far party missed' },
  },
} as const;

const legProperties = {
  id: text,
  party: side,
  user: text,
  device: text,
  trunk: text,
  terminal: { type: 'string', description: 'It ends in the switch itself: `mailbox`' },
  number: { type: 'string', description: 'The outside number that was rung' },
  forwarded: {
    type: 'string',
    enum: ['inside', 'outside'],
    description: 'A rule forwarded the call there; outside is what costs',
  },
  startedAt: time,
  answeredAt: time,
  endedAt: time,
  ended: reason,
} as const;

const call = {
  type: 'object',
  properties: {
    id: text,
    state: { type: 'string', enum: ['ringing', 'talking', 'held', 'ended'] },
    from: text,
    to: text,
    number: { type: 'string', description: 'The public number that was dialled, where it was one' },
    users: { type: 'array', items: text, description: 'Extensions of the users whose call it is' },
    startedAt: time,
    ringingAt: time,
    answeredAt: time,
    endedAt: time,
    endedBy: { type: 'string', enum: ['caller', 'callee', 'switch'] },
    ended: reason,
    legs: {
      type: 'array',
      items: {
        type: 'object',
        properties: { ...legProperties, state: { type: 'string', enum: ['ringing', 'active', 'ended'] } },
      },
    },
    flips: { type: 'array', items: flip },
    decisions: { type: 'array', items: text, description: 'Why it rang where it rang' },
    trace: {
      type: 'array',
      description: 'The same as data: each rule that was looked at, what rang, and what came of it',
      items: {
        type: 'object',
        properties: {
          at: time,
          text,
          owner: { type: 'string', description: 'Whose rules were asked: an extension or a number' },
          rule: { type: 'object', properties: { id: text, name: text } },
          taken: { type: 'boolean', description: 'Whether the rule was taken' },
          rang: { type: 'array', items: text },
          result: {
            type: 'string',
            enum: ['answered', 'busy', 'no-answer', 'not-reachable', 'declined'],
          },
          forward: {
            type: 'object',
            properties: { to: text, kind: { type: 'string', enum: ['inside', 'outside'] } },
          },
        },
      },
    },
  },
} as const;

const record = {
  type: 'object',
  properties: {
    ...call.properties,
    user: { type: 'string', description: 'The user it belongs to' },
    caller: { type: 'string', description: 'The user who spoke for the calling side' },
    callee: { type: 'string', description: 'The user who spoke for the called side' },
    legs: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          ...legProperties,
          quality: {
            type: 'object',
            description: 'What came from the device, as the media engine counted it',
            properties: {
              packets: { type: 'integer' },
              lost: { type: 'integer' },
              lossPercent: { type: 'number' },
              jitterMs: milliseconds,
              roundTripMs: milliseconds,
              mos: { type: 'number' },
            },
          },
        },
      },
    },
    recording: { type: 'string', description: "The recording's file" },
  },
} as const;

const mailbox = {
  type: 'object',
  properties: {
    extension,
    all: { type: 'integer', description: 'Messages' },
    unheard: { type: 'integer', description: 'Of them, those that nobody has heard' },
  },
} as const;

const message = {
  type: 'object',
  properties: {
    id: text,
    at: time,
    seconds: { type: 'number' },
    from: { type: 'string', description: 'Who called, unless that was withheld' },
    name: text,
    call: { type: 'string', description: 'The id of the call and of its record' },
    heard: flag,
  },
} as const;

const user = {
  type: 'object',
  properties: {
    extension,
    name,
    number: { type: 'string', description: 'The public number that is shown when the user calls outside' },
    callCodes: { ...flag, description: 'Whether codes pressed in a call are looked for' },
    mayGrab: { ...flag, description: 'Whether the user may take calls of others by the `grab` code' },
    record: { ...flag, description: 'Whether every call of the user is recorded' },
    role,
    hasPin: flag,
    hasPassword: { ...flag, description: "Whether phones may register with the user's own extension" },
    devices: { type: 'array', items: text },
  },
} as const;

const device = {
  type: 'object',
  properties: {
    extension,
    user: text,
    name,
    kind,
    trusted: { ...flag, description: 'Whether it may take over and direct calls' },
    username: { type: 'string', description: 'The SIP user name' },
    registered: flag,
  },
} as const;

const binding = {
  type: 'object',
  properties: {
    id: text,
    user: text,
    device: text,
    aor: { type: 'string', description: 'The extension it was registered as' },
    contact: text,
    flow: {
      type: 'object',
      description: 'Where it came from',
      properties: { protocol: text, address: text, port: { type: 'integer' } },
    },
    instance: text,
    userAgent: text,
    q: { type: 'number' },
    registeredAt: time,
    refreshedAt: time,
    expiresAt: time,
  },
} as const;

const coldRoute = {
  type: 'object',
  properties: {
    device: { type: ['string', 'null'], description: 'The one device that rings; null when all do' },
    name: text,
    setAt: time,
    setBy: text,
  },
} as const;

const session = {
  type: 'object',
  properties: {
    token: { type: 'string', description: 'Said once, when the session begins' },
    admin: flag,
    role: { type: 'string', enum: ['administrator', 'supervisor', 'user'] },
    user: text,
    name: text,
    expiresAt: time,
  },
} as const;

const audit = {
  type: 'object',
  properties: { id: text, at: time, who: text, from: text, action: text, what: text, before: {}, after: {} },
} as const;

const problemSchema = {
  type: 'object',
  description: 'RFC 9457',
  required: ['title', 'status'],
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    errors: {
      type: 'array',
      items: { type: 'object', properties: { path: text, message: text } },
    },
  },
} as const;

/** What `openapi.json` has under `components/schemas`. */
export const components: Readonly<Record<string, object>> = {
  Call: call,
  Flip: flip,
  CallRecord: record,
  User: user,
  Device: device,
  Binding: binding,
  ColdRoute: coldRoute,
  Session: session,
  AuditEntry: audit,
  Mailbox: mailbox,
  Message: message,
  ...ruleComponents,
  ...trunkComponents,
  Problem: problemSchema,
};

const reference = (component: string) => ({ $ref: `${component}#` });

/** An answer with one of the components; `description` is what it means. */
export const one = (component: string, description: string) => ({ description, ...reference(component) });

export const list = (component: string, description: string) => ({
  description,
  type: 'object',
  properties: { items: { type: 'array', items: reference(component) } },
});

export const page = (component: string, description: string) => ({
  description,
  type: 'object',
  properties: {
    items: { type: 'array', items: reference(component) },
    next: { type: 'string', description: 'Where the next page begins: `after` of the next request' },
  },
});

export const nothing = { description: 'Done', type: 'null' } as const;

const problemTitles: Readonly<Record<number, string>> = {
  400: 'The request is not understood',
  401: 'A valid token is needed',
  403: 'Not allowed',
  404: 'There is no such thing, or it is not yours',
  409: 'Not now',
  412: 'It has been changed meanwhile',
  422: 'It cannot be done as asked',
  429: 'Too many requests',
};

/** The problems that an operation may answer with. */
export function problems(...statuses: readonly number[]): Readonly<Record<number, object>> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: problemTitles[status] ?? 'A problem',
        content: { 'application/problem+json': { schema: reference('Problem') } },
      },
    ]),
  );
}

export const body = <P extends Readonly<Record<string, object>>>(
  properties: P,
  required: readonly (keyof P & string)[] = [],
) => ({ type: 'object', additionalProperties: false, properties, required });

export const params = (...names: readonly string[]) => ({
  type: 'object',
  required: names,
  properties: Object.fromEntries(
    names.map((key) => [key, key === 'ext' ? extension : { type: 'string', minLength: 1, maxLength: 200 }]),
  ),
});

export const paging = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
  after: { type: 'string', maxLength: 200, description: '`next` of the page before' },
  since: time,
  until: time,
} as const;

export const query = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  additionalProperties: false,
  properties,
});

export const fields = {
  text,
  flag,
  name,
  pin,
  password,
  kind,
  extension,
  role,
  nullablePin: nullable(pin),
  nullablePassword: nullable(password),
} as const;
