import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { User } from '../../stores/index.ts';
import {
  Answers,
  CallReport,
  changesOf,
  ForwardingReport,
  groupings,
  RuleHits,
  ruleUse,
  scan,
  suggestionsFor,
  type ForwardedBy,
  type Grouping,
  type Period,
} from '../../switch/reports/index.ts';
import { isTimeZone } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import {
  answerReport,
  callReport,
  changeReport,
  comparison,
  forwardingReport,
  ruleReport,
  suggestionReport,
} from '../report-schemas.ts';
import { timeZone } from '../rule-schemas.ts';
import { fields, paging, problems, query } from '../schemas.ts';
import { Turns } from '../turns.ts';
import { needDomain, seesDomain, type Who } from '../who.ts';

type Span = { readonly since?: number; readonly until?: number };
type Zoned = { readonly timeZone: string };
type OfUser = { readonly user?: string };

const dayMs = 86_400_000;
const tags = ['reports'];
const zone = { ...timeZone, default: 'UTC' } as const;
const days = (usual: number) => ({ type: 'integer', minimum: 1, maximum: 366, default: usual }) as const;
const span = { since: paging.since, until: paging.until } as const;
const user = { ...fields.extension, description: 'Calls to that user; without, to everybody' } as const;

type Given = { readonly server: FastifyInstance; readonly parts: ApiParts; readonly turns: Turns };

/**
 * What the records say (S2-66 to S2-71, S2-79 to S2-82, S2-90, S2-91). They are read, one report after the other, and
 * nothing is ever changed here. A user gets what concerns the own calls and rules.
 */
export function reportRoutes(server: FastifyInstance, parts: ApiParts): void {
  const given = { server, parts, turns: new Turns() };
  calls(given);
  forwarding(given);
  changes(given);
  beforeAndAfter(given);
  rules(given);
  answers(given);
  suggestions(given);
}

/**
 * The last 30 days unless it is said otherwise. All records of it are read: that a call rang for a user and was answered
 * elsewhere is in a record that is not the user's.
 */
function periodOf({ clock }: ApiParts, { asker }: Who, { since, until }: Span, daysBack = 30): Period {
  const end = until ?? clock.wall();
  return { domain: asker.domain, since: since ?? end - daysBack * dayMs, until: end };
}

/** Of whom the report is; a user's are of nobody else. */
function userOf({ directory }: ApiParts, who: Who, asked: string | undefined): User | undefined {
  const own = who.asker.userId === undefined ? undefined : directory.userById(who.asker.userId);
  if (asked === undefined) return seesDomain(who) ? undefined : own;
  const found = directory.user(who.asker.domain, asked);
  if (found === undefined || !(seesDomain(who) || found.id === own?.id))
    throw new Refused(404, 'No such user');
  return found;
}

function needUser(parts: ApiParts, who: Who, asked: string | undefined): User {
  const found = userOf(parts, who, asked);
  if (found === undefined) throw new Refused(400, 'Of which user?');
  return found;
}

function known(timeZoneName: string): string {
  if (!isTimeZone(timeZoneName)) throw new Refused(400, 'There is no such time zone');
  return timeZoneName;
}

const onlyDomain = { preHandler: async (request: FastifyRequest) => needDomain(request) };

function calls({ server, parts, turns }: Given): void {
  server.get<{ Querystring: Span & Zoned & OfUser & { readonly by: Grouping } }>(
    '/reports/calls',
    {
      schema: {
        tags,
        summary: 'Missed calls, answer rate and time to answer',
        description: 'Of the last 30 days unless it is said otherwise.',
        querystring: query({
          ...span,
          timeZone: zone,
          user,
          by: { type: 'string', enum: groupings, default: 'total' },
        }),
        response: { 200: callReport, ...problems(400, 401, 404, 429) },
      },
    },
    async ({ query: { by, user: asked, timeZone: name, ...rest }, who }) => {
      const of = userOf(parts, who, asked)?.extension;
      const report = new CallReport({
        by,
        timeZone: known(name),
        directory: parts.directory,
        ...(of === undefined ? {} : { user: of }),
      });
      const period = periodOf(parts, who, rest);
      const basis = await turns.take(() => scan(parts.records, period, (record) => report.add(record)));
      return { basis, items: report.items() };
    },
  );
}

function forwarding({ server, parts, turns }: Given): void {
  server.get<{ Querystring: Span & { readonly by: ForwardedBy } }>(
    '/reports/forwarding',
    {
      schema: {
        tags,
        summary: 'What rules forwarded, by whose rules and where to',
        querystring: query({
          ...span,
          by: { type: 'string', enum: ['owner', 'destination', 'both'], default: 'both' },
        }),
        response: { 200: forwardingReport, ...problems(400, 401, 403, 429) },
      },
      ...onlyDomain,
    },
    async ({ query: { by, ...rest }, who }) => {
      const report = new ForwardingReport(by);
      const period = periodOf(parts, who, rest);
      const basis = await turns.take(() => scan(parts.records, period, (record) => report.add(record)));
      return { basis, items: report.items() };
    },
  );
}

const what = { type: 'string', maxLength: 200, description: 'A path such as `users/100`, and all beneath' };

function changes({ server, parts }: Given): void {
  server.get<{ Querystring: Span & { readonly what?: string; readonly limit: number } }>(
    '/reports/changes',
    {
      schema: {
        tags,
        summary: 'When it was changed how calls are directed: marks for the figures before and after',
        querystring: query({ ...span, limit: paging.limit, what }),
        response: { 200: changeReport, ...problems(400, 401, 403) },
      },
      ...onlyDomain,
    },
    async ({ query: { limit, ...rest }, who: { asker } }) => ({
      items: await changesOf(parts.audit, { domain: asker.domain, ...rest }, limit),
    }),
  );
}

type Comparing = Zoned & OfUser & { readonly at: number; readonly days: number; readonly by: Grouping };

function beforeAndAfter({ server, parts, turns }: Given): void {
  server.get<{ Querystring: Comparing }>(
    '/reports/before-and-after',
    {
      schema: {
        tags,
        summary: 'The same figures before and after a moment, such as that of a change',
        querystring: {
          ...query({
            at: paging.since,
            days: days(7),
            timeZone: zone,
            user,
            by: { type: 'string', enum: groupings, default: 'total' },
          }),
          required: ['at'],
        },
        response: { 200: comparison, ...problems(400, 401, 404, 429) },
      },
    },
    async ({ query: { at, days: length, by, user: asked, timeZone: name }, who }) => {
      const of = userOf(parts, who, asked)?.extension;
      const options = { by, timeZone: known(name), directory: parts.directory };
      const side = async (since: number, until: number) => {
        const report = new CallReport({ ...options, ...(of === undefined ? {} : { user: of }) });
        const period = periodOf(parts, who, { since, until });
        const basis = await scan(parts.records, period, (record) => report.add(record));
        return { since, until, basis, items: report.items() };
      };
      const before = await turns.take(() => side(at - length * dayMs, at));
      return { at, before, after: await turns.take(() => side(at, at + length * dayMs)) };
    },
  );
}

type RuleFilter = { readonly days: number; readonly stale?: boolean; readonly protected?: boolean };

function rules({ server, parts, turns }: Given): void {
  server.get<{ Querystring: RuleFilter }>(
    '/reports/rules',
    {
      schema: {
        tags,
        summary: 'Every rule: how old it is, how often and when last it was taken',
        description: 'A user sees the own ones.',
        querystring: query({
          days: { ...days(90), description: 'How far back is looked for a rule that was taken' },
          stale: { ...fields.flag, description: 'Those that are, or are not' },
          protected: { ...fields.flag, description: 'Those of protected numbers, or of others' },
        }),
        response: { 200: ruleReport, ...problems(400, 401, 429) },
      },
    },
    async ({ query: { days: back, ...filter }, who }) => {
      const { clock, directory, routing } = parts;
      const { domain, userId } = who.asker;
      const hits = new RuleHits();
      const period = periodOf(parts, who, {}, back);
      const basis = await turns.take(() => scan(parts.records, period, (record) => hits.add(record)));
      const routings = routing
        .routings(domain)
        .filter(({ owner }) => seesDomain(who) || (owner.kind === 'user' && owner.id === userId));
      const options = {
        directory,
        policy: routing.policy(domain),
        now: clock.wall(),
        lookedAt: back * dayMs,
      };
      const items = ruleUse(routings, hits, options).filter(
        (rule) =>
          (filter.stale === undefined || rule.stale === filter.stale) &&
          (filter.protected === undefined || rule.protected === filter.protected),
      );
      return { basis, items };
    },
  );
}

const learned = { user, days: days(90), timeZone: zone } as const;
type Learning = OfUser & Zoned & { readonly days: number };

async function learn(
  { parts, turns }: Given,
  { user: asked, days: back, timeZone: name }: Learning,
  who: Who,
) {
  const of = needUser(parts, who, asked);
  const found = new Answers(of.extension, known(name));
  const period = periodOf(parts, who, {}, back);
  const basis = await turns.take(() => scan(parts.records, period, (record) => found.add(record)));
  return { of, found, basis };
}

function answers(given: Given): void {
  given.server.get<{ Querystring: Learning }>(
    '/reports/answers',
    {
      schema: {
        tags,
        summary: 'Which device a user answers at what time, and who answers instead',
        querystring: query(learned),
        response: { 200: answerReport, ...problems(400, 401, 404, 429) },
      },
    },
    async ({ query: asked, who }) => {
      const { found, basis } = await learn(given, asked, who);
      return { basis, blocks: found.blocks(), callers: found.callers().slice(0, 100) };
    },
  );
}

function suggestions(given: Given): void {
  given.server.get<{ Querystring: Learning }>(
    '/reports/suggestions',
    {
      schema: {
        tags,
        summary: 'Rules that the records of a user speak for, with what they rest on',
        description: 'None is ever made by itself: whoever likes one gives it to `POST` of the rules.',
        querystring: query(learned),
        response: { 200: suggestionReport, ...problems(400, 401, 404, 429) },
      },
    },
    async ({ query: asked, who }) => {
      const { of, found, basis } = await learn(given, asked, who);
      const devices = given.parts.directory.devicesOf(of.id).map((device) => device.extension);
      const person = { extension: of.extension, devices, timeZone: asked.timeZone };
      return { basis, items: suggestionsFor(found, person) };
    },
  );
}
