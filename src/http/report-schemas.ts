/** What reports look like in the API. */

const text = { type: 'string' } as const;
const count = { type: 'integer' } as const;
const time = { type: 'integer', description: 'Milliseconds since 1970-01-01T00:00:00Z' } as const;
const many = (properties: object) => ({ type: 'array', items: { type: 'object', properties } }) as const;

const figures = {
  calls: count,
  answered: count,
  missed: count,
  elsewhere: { ...count, description: 'Of a user: answered by somebody else whom the call rang too' },
  answerRate: { type: 'number', description: '0 to 1, of the answered and the missed' },
  timeToAnswer: {
    type: 'object',
    description: 'Milliseconds',
    properties: { mean: { type: 'number' }, median: { type: 'number' }, p95: { type: 'number' } },
  },
} as const;

const basis = {
  type: 'object',
  description: 'What the report rests on',
  properties: {
    records: count,
    complete: { type: 'boolean', description: 'False when there were more records than one report reads' },
    oldest: time,
  },
} as const;

const block = {
  days: { type: 'string', enum: ['working days', 'weekend'] },
  from: { ...count, description: 'Full hours' },
  to: count,
} as const;

const instead = many({ to: text, answered: count });

const report = (description: string, properties: object) => ({
  description,
  type: 'object',
  properties: { basis, ...properties },
});

export const callReport = report('The figures', { items: many({ key: text, ...figures }) });

export const forwardingReport = report('What was forwarded, the most first', {
  items: many({
    owner: { type: 'string', description: 'Whose rule it was: an extension or a number' },
    to: { type: 'string', description: 'An extension, or an outside number' },
    kind: { type: 'string', enum: ['inside', 'outside'] },
    calls: count,
    answered: count,
    talkSeconds: count,
  }),
});

export const changeReport = {
  description: 'Changes of how calls are directed, newest first',
  type: 'object',
  properties: { items: many({ id: text, at: time, who: text, action: text, what: text }) },
} as const;

const side = {
  type: 'object',
  properties: { since: time, until: time, basis, items: many({ key: text, ...figures }) },
} as const;

export const comparison = {
  description: 'The figures of as long before and after',
  type: 'object',
  properties: { at: time, before: side, after: side },
} as const;

export const ruleReport = report('The rules, the longest unused first', {
  items: many({
    owner: { type: 'string', description: 'An extension or a number' },
    kind: { type: 'string', enum: ['user', 'group', 'number'] },
    rule: { type: 'object', properties: { id: text, name: text } },
    enabled: { type: 'boolean' },
    changedAt: time,
    changedBy: text,
    ageDays: count,
    hits: { ...count, description: 'How often it was taken within the days that were looked at' },
    lastHit: time,
    stale: { type: 'boolean', description: 'Older than those days, and not taken once in them' },
    protected: { type: 'boolean', description: "Of one of the policy's protected numbers" },
    outside: { type: 'boolean', description: 'It may lead to outside numbers' },
  }),
});

export const answerReport = report('When what was answered where', {
  blocks: many({
    ...block,
    calls: count,
    answered: count,
    devices: many({ device: text, answered: count }),
    instead,
  }),
  callers: many({ caller: text, calls: count, answered: count, instead }),
});

export const suggestionReport = report('Suggestions, the best supported first', {
  items: many({
    kind: {
      type: 'string',
      enum: ['device first', 'straight to others', 'straight to mailbox', 'caller to'],
    },
    text,
    rule: {
      type: 'object',
      description: 'As it would be given to `POST` of the rules',
      additionalProperties: true,
    },
    schedule: {
      type: 'object',
      description: 'The schedule that the rule names, as it would be given to `PUT`; its name besides',
      additionalProperties: true,
    },
    statistics: {
      type: 'object',
      description: 'What it rests on; `supporting` calls speak for it',
      properties: { ...block, calls: count, answered: count, supporting: count },
    },
  }),
});
