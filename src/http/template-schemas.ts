/** The JSON Schemas of templates: what is asked of whoever uses one. */
import { date, dialled, scheduleName, timeZone } from './rule-schemas.ts';

const seconds = {
  type: 'integer',
  minimum: 1,
  maximum: 600,
  description: 'How long each rings; 20 unless said',
} as const;
const replace = {
  type: 'boolean',
  description: 'Put in place of all others, but for locked ones',
} as const;

const template = (
  name: string,
  description: string,
  properties: Readonly<Record<string, object>>,
  optional: readonly string[] = [],
) => ({
  type: 'object',
  description,
  additionalProperties: false,
  properties: { template: { type: 'string', const: name }, ...properties, seconds, replace },
  required: ['template', ...Object.keys(properties).filter((key) => !optional.includes(key))],
});

export const templates = {
  type: 'object',
  required: ['template'],
  discriminator: { propertyName: 'template' },
  oneOf: [
    template('default', 'All phones together, then the mailbox', {}),
    template('field-staff', 'The mobile app, then the outside mobile (press 1), then dispatch', {
      app: { ...dialled, description: "The app's extension" },
      mobile: dialled,
      dispatch: dialled,
    }),
    template('executive', 'The assistant, then in person, then the team, then the mailbox', {
      assistant: dialled,
      team: dialled,
    }),
    template(
      'on-call-rotation',
      "Whoever's turn it is, then whoever's is next, then the escalation",
      {
        people: { type: 'array', items: dialled, minItems: 1, maxItems: 50 },
        days: { type: 'integer', minimum: 1, maximum: 366, description: 'How long a turn is; 7 unless said' },
        start: { ...date, description: 'When the first turn begins' },
        timeZone,
        escalation: { ...dialled, description: 'A queue, a bridge, a number' },
      },
      ['days'],
    ),
    template('follow-the-sun', 'The first team whose hours it is, else who is always there', {
      teams: {
        type: 'array',
        minItems: 1,
        maxItems: 20,
        items: {
          type: 'object',
          additionalProperties: false,
          properties: { to: dialled, schedule: scheduleName },
          required: ['to', 'schedule'],
        },
      },
      otherwise: dialled,
    }),
  ],
} as const;
