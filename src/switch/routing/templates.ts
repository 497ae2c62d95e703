import type { Action, Condition, RingResult, Rule } from '../../stores/index.ts';

/** A rule before it belongs to anybody. */
export type Draft = Pick<Rule, 'name' | 'enabled' | 'when' | 'then'>;

/** Desk and softphone together, then the mailbox (S2-54). */
export type DefaultParameters = { readonly template: 'default'; readonly seconds: number };

/** The mobile app, then the outside mobile, then central dispatch (S2-55). */
export type FieldStaffParameters = {
  readonly template: 'field-staff';
  readonly app: string;
  readonly mobile: string;
  readonly dispatch: string;
  readonly seconds: number;
};

/** The assistant, then the executive, then the team, then the mailbox (S2-56). */
export type ExecutiveParameters = {
  readonly template: 'executive';
  readonly assistant: string;
  readonly team: string;
  readonly seconds: number;
};

/** Whoever's turn it is, then whoever's is next, then the escalation (S2-32, S2-45). */
export type OnCallParameters = {
  readonly template: 'on-call-rotation';
  readonly people: readonly string[];
  readonly days: number;
  readonly start: string;
  readonly timeZone: string;
  readonly seconds: number;
  readonly escalation: string;
};

/** The first team whose hours it is; else who is always there (S2-37). */
export type FollowTheSunParameters = {
  readonly template: 'follow-the-sun';
  readonly teams: readonly { readonly to: string; readonly schedule: string }[];
  readonly otherwise: string;
  readonly seconds: number;
};

export type TemplateParameters =
  DefaultParameters | FieldStaffParameters | ExecutiveParameters | OnCallParameters | FollowTheSunParameters;

const anyResult: readonly RingResult[] = ['busy', 'no-answer', 'not-reachable', 'declined'];

const unanswered = (afterSeconds?: number): Condition => ({
  kind: 'result',
  is: anyResult,
  ...(afterSeconds === undefined ? {} : { afterSeconds }),
});

const draft = (name: string, when: readonly Condition[], then: Action): Draft => ({
  name,
  enabled: true,
  when,
  then,
});

const ring = (to: string, seconds: number): Action => ({
  kind: 'ring',
  targets: [{ to }],
  order: 'together',
  seconds,
});

const forward = (to: string, seconds?: number): Action => ({
  kind: 'forward',
  to,
  ...(seconds === undefined ? {} : { seconds }),
});

const ownMailbox: Action = { kind: 'mailbox', of: 'own' };

/** The rules of a template, in order. `own` is what people call the owner: an extension or a number. */
export function fromTemplate(parameters: TemplateParameters, own: string): readonly Draft[] {
  switch (parameters.template) {
    case 'default':
      return [draft('Mailbox', [unanswered(parameters.seconds)], ownMailbox)];
    case 'field-staff':
      return fieldStaff(parameters);
    case 'executive':
      return executive(parameters, own);
    case 'on-call-rotation':
      return onCall(parameters);
    default:
      return followTheSun(parameters);
  }
}

const fieldStaff = ({ app, mobile, dispatch, seconds }: FieldStaffParameters): readonly Draft[] => [
  draft('Mobile app', [], ring(app, seconds)),
  draft('Mobile', [unanswered()], { kind: 'forward', to: mobile, seconds, confirm: true }),
  draft('Dispatch', [unanswered()], forward(dispatch)),
];

const executive = ({ assistant, team, seconds }: ExecutiveParameters, own: string): readonly Draft[] => [
  draft('Assistant', [], ring(assistant, seconds)),
  draft('In person', [unanswered()], ring(own, seconds)),
  draft('Team', [unanswered()], ring(team, seconds)),
  draft('Mailbox', [unanswered()], ownMailbox),
];

function onCall({ people, days, start, timeZone, seconds, escalation }: OnCallParameters): readonly Draft[] {
  const turn = (is: number): Condition => ({ kind: 'turn', timeZone, start, days, of: people.length, is });
  const person = (i: number) => people[i % people.length] as string;
  const first = people.map((name, i) => draft(`On call: ${name}`, [turn(i)], ring(name, seconds)));
  const backup =
    people.length < 2
      ? []
      : people.map((name, i) =>
          draft(`Backup of ${name}: ${person(i + 1)}`, [turn(i), unanswered()], ring(person(i + 1), seconds)),
        );
  return [...first, ...backup, draft('Escalation', [], forward(escalation))];
}

function followTheSun({ teams, otherwise, seconds }: FollowTheSunParameters): readonly Draft[] {
  return [
    ...teams.map(({ to, schedule }) =>
      draft(`${to} in its hours`, [{ kind: 'time', schedule, open: true }], forward(to, seconds)),
    ),
    draft('Otherwise', [], forward(otherwise)),
  ];
}
