import { getCountries } from 'libphonenumber-js/max';
/** The JSON Schemas of rules and of what they refer to. */

const text = { type: 'string' } as const;
const time = { type: 'integer', description: 'Milliseconds since 1970-01-01T00:00:00Z' } as const;
const name = { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z ._-]{0,63}$' } as const;
export const scheduleName = name;
export const timeZone = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'An IANA time zone, for example `Europe/Berlin`',
} as const;
export const dialled = {
  type: 'string',
  pattern: '^\\+?[0-9A-Za-z][0-9A-Za-z ()./_-]{0,31}$',
  description: 'An extension, or a telephone number',
} as const;
const seconds = { type: 'integer', minimum: 1, maximum: 600 } as const;
const clock = {
  type: 'string',
  pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
  description: '`HH:MM`; an end at or before its start is on the next day',
} as const;
export const date = {
  type: 'string',
  pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
} as const;
const number = {
  type: 'string',
  pattern: '^\\+?[0-9A-Za-z][0-9A-Za-z ()./-]{0,31}\\*?$',
  description: 'A number or extension, or a pattern: `X` is any digit, `*` at the end whatever follows',
} as const;

const ringResults = ['busy', 'no-answer', 'not-reachable', 'declined'] as const;
const presences = ['available', 'in-call', 'do-not-disturb', 'meeting', 'out-of-office'] as const;

type Properties = Readonly<Record<string, object>>;

const closed = (properties: Properties, required: readonly string[] = []) => ({
  type: 'object' as const,
  additionalProperties: false,
  properties,
  required,
});

/** One of several shapes, told apart by `kind`. */
const variant = (kind: string, description: string, properties: Properties, required: readonly string[]) => ({
  ...closed({ kind: { type: 'string', const: kind }, ...properties }, ['kind', ...required]),
  description,
});

const oneOf = (variants: readonly object[]) => ({
  type: 'object' as const,
  required: ['kind'],
  discriminator: { propertyName: 'kind' },
  oneOf: variants,
});

const some = <T extends object>(items: T, maxItems: number, minItems = 1) => ({
  type: 'array' as const,
  items,
  minItems,
  maxItems,
});

const simpleConditions = [
  variant(
    'result',
    'What the ringing before it came to. A rejection by key is busy, too',
    {
      is: some({ type: 'string', enum: ringResults }, 4),
      afterSeconds: { ...seconds, description: 'How long that ringing lasts at most' },
    },
    ['is'],
  ),
  variant(
    'caller',
    'Who calls: one of the numbers or lists, and all else that is said',
    {
      numbers: some(number, 500),
      lists: some(name, 20),
      anonymous: { type: 'boolean' },
      outside: { type: 'boolean' },
    },
    [],
  ),
  variant('time', 'Whether a schedule is open or closed', { schedule: name, open: { type: 'boolean' } }, [
    'schedule',
    'open',
  ]),
  variant(
    'turn',
    'Whose turn it is in a rotation: `of` turns of so many `days`, from 0, the first of them begun on `start`',
    {
      timeZone,
      start: date,
      days: { type: 'integer', minimum: 1, maximum: 366 },
      of: { type: 'integer', minimum: 1, maximum: 100 },
      is: { type: 'integer', minimum: 0, maximum: 99 },
    },
    ['timeZone', 'start', 'days', 'of', 'is'],
  ),
  variant(
    'location',
    "Where the owner's phones are: one, or one of `devices`, is registered from one of the networks",
    {
      networks: some({ type: 'string', pattern: '^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$' }, 50),
      devices: some({ type: 'string', maxLength: 32 }, 20),
    },
    ['networks'],
  ),
  variant(
    'presence',
    'What the owner is at the moment: one of these',
    { is: some({ type: 'string', enum: presences }, 5) },
    ['is'],
  ),
  variant(
    'calendar',
    'What a calendar says',
    { calendar: name, is: { type: 'string', enum: ['busy', 'out-of-office'] } },
    ['calendar', 'is'],
  ),
  variant(
    'look-up',
    'What an HTTP service answers as `result`; without an answer in time, `fallback` holds',
    {
      url: { type: 'string', pattern: '^https?://', maxLength: 500 },
      timeoutMs: { type: 'integer', minimum: 50, maximum: 5000 },
      is: some({ type: 'string', minLength: 1, maxLength: 100 }, 50),
      fallback: { type: 'boolean' },
    },
    ['url', 'timeoutMs', 'is', 'fallback'],
  ),
];

const condition = oneOf([
  ...simpleConditions,
  variant('not', 'The opposite of another condition', { condition: oneOf(simpleConditions) }, ['condition']),
]);

const shownCaller = {
  ...closed(
    {
      show: { type: 'string', enum: ['original', 'main', 'prefix'] },
      prefix: { type: 'string', minLength: 1, maxLength: 16, pattern: '^[^\\p{Cc}"<>\\\\]*$' },
    },
    ['show'],
  ),
  description:
    'What the rung phone or outside party is shown as the caller; `prefix` goes with `"show": "prefix"`',
};

const confirm = { type: 'boolean', description: 'Who answers must press 1' } as const;

const action = oneOf([
  variant(
    'ring',
    'Rings somebody, without their own rules',
    {
      targets: some(closed({ to: dialled, afterSeconds: { ...seconds, minimum: 0 }, seconds }, ['to']), 20),
      order: { type: 'string', enum: ['together', 'in-order'] },
      seconds,
      caller: shownCaller,
      confirm,
    },
    ['targets', 'order', 'seconds'],
  ),
  variant(
    'forward',
    'The call goes on as if that had been dialled; outside over a trunk',
    { to: dialled, seconds, trunk: name, caller: shownCaller, confirm },
    ['to'],
  ),
  variant(
    'mailbox',
    'Leaves a message',
    {
      of: {
        description: '`own`, `target` (of whom it was forwarded to), or an extension',
        anyOf: [{ type: 'string', enum: ['own', 'target'] }, closed({ extension: dialled }, ['extension'])],
      },
    },
    ['of'],
  ),
  variant(
    'announcement',
    'Plays a file of the announcements folder, and ends',
    { file: { type: 'string', pattern: '^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$' } },
    ['file'],
  ),
  variant('busy', 'Refuses the call as busy', {}, []),
  variant('stop', 'No rule after this one is looked at; the owner rings', {}, []),
]);

/** What a client says of a rule. */
export const ruleFields = {
  name: { type: 'string', minLength: 1, maxLength: 100 },
  enabled: { type: 'boolean', default: true },
  profiles: { ...some(name, 20), description: 'Looked at only while one of these is active' },
  when: { ...some(condition, 20, 0), default: [], description: 'All must hold' },
  then: action,
  locked: { type: 'boolean', description: "An administrator's: looked at first, not the owner's to change" },
} as const;

export const ruleRequired = ['name', 'then'] as const;

export const mostRules = 500;

/** In a list, a rule that is known by its id stays what it is but for what is said. */
export const ruleInList = closed(
  {
    id: { type: 'string', maxLength: 64 },
    ...ruleFields,
    changedAt: { ...time, description: 'Not read' },
    changedBy: { ...text, description: 'Not read' },
  },
  ruleRequired,
);

const rule = {
  type: 'object',
  properties: { id: text, ...ruleFields, changedAt: time, changedBy: text },
} as const;

const span = { from: clock, to: clock };

export const scheduleFields = {
  timeZone,
  weekly: {
    ...some(
      closed(
        {
          days: {
            ...some({ type: 'integer', minimum: 1, maximum: 7 }, 7),
            description: '1 is Monday',
          },
          ...span,
        },
        ['days', 'from', 'to'],
      ),
      100,
      0,
    ),
    default: [],
  },
  holidays: { ...some(date, 1000, 0), default: [], description: 'Closed, whatever the day of the week' },
  dates: {
    ...some(closed({ date, ...span }, ['date', 'from', 'to']), 1000, 0),
    default: [],
    description: 'Dates with hours of their own',
  },
} as const;

export const callerListFields = { numbers: some(number, 5000, 0) } as const;

export const calendarFields = {
  url: {
    type: 'string',
    pattern: '^(file:[0-9A-Za-z]|https?://)',
    maxLength: 1000,
    description: '`file:name.ics` in the calendars folder, or an address that the configuration allows',
  },
  refreshSeconds: { type: 'integer', minimum: 60, maximum: 86_400, default: 900 },
} as const;

const prefix = { type: 'string', pattern: '^\\+[0-9]{1,15}$' } as const;
const country = { type: 'string', enum: getCountries(), description: 'ISO 3166' } as const;

export const policyFields = {
  mayForwardOutside: {
    description: 'Extensions of users, or `all`',
    anyOf: [{ type: 'string', const: 'all' }, some({ type: 'string', maxLength: 32 }, 10_000, 0)],
  },
  country: { ...country, description: 'The country in which numbers without a country code are read' },
  countries: {
    description: 'To which may be forwarded: `home` is the country of the policy',
    anyOf: [{ type: 'string', enum: ['all', 'home'] }, some(country, 300, 0)],
  },
  blockedPrefixes: { ...some(prefix, 1000, 0), description: 'In E.164' },
  exceptions: {
    ...some({ type: 'string', pattern: '^\\+?[0-9]{1,20}$' }, 1000, 0),
    description: 'Numbers or prefixes that are allowed whatever is blocked',
  },
  protectedNumbers: {
    ...some(dialled, 1000, 0),
    description: 'Extensions and numbers that only a locked rule forwards outside',
  },
  confirmMobiles: { type: 'boolean', description: 'Who answers at a mobile number must press 1' },
  mainNumber: { ...prefix, description: 'What `main` shows as the caller' },
  concurrentForwards: { type: 'integer', minimum: 0, maximum: 10_000 },
  forwardsPerHour: { type: 'integer', minimum: 0, maximum: 100_000 },
  suppressInCall: {
    type: 'boolean',
    description: 'Nothing is forwarded outside while the owner is in a call',
  },
} as const;

export const presenceField = {
  type: 'string',
  enum: presences.filter((presence) => presence !== 'in-call'),
  description: 'What the user says; `in-call` is seen',
} as const;

export const profileFields = {
  profile: { ...name, type: ['string', 'null'], description: 'The one that is active' },
  profiles: {
    ...some(name, 50, 0),
    description:
      'All there are, in the order in which the profile code counts them; `office`, `travel` and `do-not-disturb` come last where they are not named',
  },
} as const;

const looked = {
  type: 'object',
  properties: {
    owner: { type: 'object', properties: { kind: text, id: text } },
    rule: { type: 'object', properties: { id: text, name: text } },
    taken: { type: 'boolean' },
    why: text,
  },
} as const;

export const explainFields = {
  from: {
    type: 'string',
    maxLength: 32,
    description: 'An extension or a number; nothing is an anonymous caller',
  },
  to: { ...dialled, description: 'What is dialled' },
  at: { ...time, description: 'Now, unless it is said' },
  results: {
    ...some({ type: 'string', enum: ['answered', ...ringResults] }, 50, 0),
    default: [],
    description: 'What each ringing comes to, in order; `no-answer` when there are more',
  },
  lookUp: { type: 'string', maxLength: 100, description: 'What look-ups would answer; they are not asked' },
} as const;

const explanation = {
  type: 'object',
  properties: {
    from: text,
    to: text,
    at: time,
    steps: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          owner: { ...text, description: 'Whose rules lead here' },
          looked: { type: 'array', items: looked, description: 'The rules looked at before, and why' },
          does: {
            type: 'string',
            enum: ['ring', 'forward', 'mailbox', 'announcement', 'busy', 'nothing', 'end'],
          },
          rule: { type: 'object', properties: { id: text, name: text } },
          to: text,
          rings: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                to: { ...text, description: 'A device, or an outside number' },
                user: text,
                registered: { type: 'boolean' },
                silent: { type: 'boolean', description: 'Does not want to be disturbed: does not ring' },
                afterSeconds: { type: 'integer' },
                seconds: { type: 'integer' },
                confirm,
              },
            },
          },
          order: text,
          seconds: { type: 'integer' },
          result: { type: 'string', enum: ['answered', ...ringResults] },
          why: text,
        },
      },
    },
  },
} as const;

/** What `openapi.json` has of them under `components/schemas`. */
export const ruleComponents = {
  Rule: rule,
  Schedule: { type: 'object', properties: { name, ...scheduleFields } },
  CallerList: { type: 'object', properties: { name, ...callerListFields } },
  Calendar: { type: 'object', properties: { name, ...calendarFields } },
  RoutingPolicy: { type: 'object', properties: policyFields },
  Explanation: explanation,
} as const;
