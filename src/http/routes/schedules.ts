import type { FastifyInstance, FastifyRequest } from 'fastify';
import type {
  CalendarSource,
  CallerList,
  Condition,
  RoutingStore,
  Rule,
  Schedule,
} from '../../stores/index.ts';
import { isTimeZone } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { calendarFields, callerListFields, scheduleFields } from '../rule-schemas.ts';
import { body, list, nothing, one, params, problems } from '../schemas.ts';
import { needAdministrator } from '../who.ts';

type Named = { readonly domain: string; readonly name: string };
type Params = { readonly name: string };

/** Something that rules name, and that an administrator keeps. */
type Kind<T extends Named> = {
  readonly path: string;
  readonly noun: string;
  readonly component: string;
  readonly fields: Readonly<Record<string, object>>;
  readonly required: readonly string[];
  readonly all: (store: RoutingStore, domain: string) => readonly T[];
  readonly find: (store: RoutingStore, domain: string, name: string) => T | undefined;
  readonly put: (store: RoutingStore, thing: T) => Promise<void>;
  readonly remove: (store: RoutingStore, domain: string, name: string) => Promise<void>;
  /** What is wrong with it; undefined when nothing is. */
  readonly wrong: (parts: ApiParts, thing: T) => string | undefined;
  /** Whether a condition names it. */
  readonly usedBy: (condition: Condition, name: string) => boolean;
  /** As a user sees it, who changes nothing of it. */
  readonly forUser: (thing: T) => object;
};

const schedules: Kind<Schedule> = {
  path: 'schedules',
  noun: 'schedule',
  component: 'Schedule',
  fields: scheduleFields,
  required: ['timeZone'],
  all: (store, domain) => store.schedules(domain),
  find: (store, domain, name) => store.schedule(domain, name),
  put: (store, schedule) => store.putSchedule(schedule),
  remove: (store, domain, name) => store.removeSchedule(domain, name),
  wrong: (_parts, { timeZone }) => (isTimeZone(timeZone) ? undefined : `There is no time zone ${timeZone}`),
  usedBy: (condition, name) => condition.kind === 'time' && condition.schedule === name,
  forUser: (schedule) => schedule,
};

const callerLists: Kind<CallerList> = {
  path: 'caller-lists',
  noun: 'caller list',
  component: 'CallerList',
  fields: callerListFields,
  required: ['numbers'],
  all: (store, domain) => store.callerLists(domain),
  find: (store, domain, name) => store.callerList(domain, name),
  put: (store, callers) => store.putCallerList(callers),
  remove: (store, domain, name) => store.removeCallerList(domain, name),
  wrong: () => undefined,
  usedBy: (condition, name) => condition.kind === 'caller' && condition.lists?.includes(name) === true,
  // Who is a customer is not for everybody.
  forUser: ({ domain, name }) => ({ domain, name }),
};

const calendars: Kind<CalendarSource> = {
  path: 'calendars',
  noun: 'calendar',
  component: 'Calendar',
  fields: calendarFields,
  required: ['url'],
  all: (store, domain) => store.calendars(domain),
  find: (store, domain, name) => store.calendar(domain, name),
  put: (store, calendar) => store.putCalendar(calendar),
  remove: (store, domain, name) => store.removeCalendar(domain, name),
  wrong: ({ product }, { url }) =>
    product.rules.allowsCalendar(url) ? undefined : `The configuration does not allow calendars at ${url}`,
  usedBy: (condition, name) => condition.kind === 'calendar' && condition.calendar === name,
  // The address of a calendar is often the key to it.
  forUser: ({ domain, name }) => ({ domain, name }),
};

/** What rules refer to: opening hours, lists of callers, calendars. */
export function scheduleRoutes(server: FastifyInstance, parts: ApiParts): void {
  namedThings(server, parts, schedules);
  namedThings(server, parts, callerLists);
  namedThings(server, parts, calendars);
}

const byAdministrator = async (request: FastifyRequest) => needAdministrator(request);
const shown = ({ domain: _domain, ...thing }: Named): object => thing;

function namedThings<T extends Named>(server: FastifyInstance, parts: ApiParts, kind: Kind<T>): void {
  readings(server, parts, kind);
  changes(server, parts, kind);
  removal(server, parts, kind);
}

function found<T extends Named>({ routing }: ApiParts, kind: Kind<T>, domain: string, name: string): T {
  const thing = kind.find(routing, domain, name);
  if (thing === undefined) throw new Refused(404, `No such ${kind.noun}`);
  return thing;
}

function readings<T extends Named>(server: FastifyInstance, parts: ApiParts, kind: Kind<T>): void {
  const tags = ['rules'];
  const forAsker = (thing: T, admin: boolean) => shown((admin ? thing : kind.forUser(thing)) as Named);
  server.get(
    `/${kind.path}`,
    {
      schema: {
        tags,
        summary: `All ${kind.noun}s`,
        response: { 200: list(kind.component, 'All'), ...problems(401) },
      },
    },
    ({ who: { asker } }) => ({
      items: kind.all(parts.routing, asker.domain).map((thing) => forAsker(thing, asker.admin)),
    }),
  );
  server.get<{ Params: Params }>(
    `/${kind.path}/:name`,
    {
      schema: {
        tags,
        summary: `One ${kind.noun}`,
        params: params('name'),
        response: { 200: one(kind.component, 'It'), ...problems(401, 404) },
      },
    },
    ({ params: { name }, who: { asker } }, reply) => {
      const thing = found(parts, kind, asker.domain, name);
      parts.etags.set(reply, thing);
      return forAsker(thing, asker.admin);
    },
  );
}

function changes<T extends Named>(server: FastifyInstance, parts: ApiParts, kind: Kind<T>): void {
  const { routing, auditLog, etags } = parts;
  const tags = ['rules'];
  server.put<{ Params: Params; Body: object }>(
    `/${kind.path}/:name`,
    {
      bodyLimit: 524_288,
      schema: {
        tags,
        summary: `Makes or changes a ${kind.noun}; for administrators`,
        params: { type: 'object', required: ['name'], properties: { name: nameSchema } },
        body: body(kind.fields, kind.required),
        response: {
          200: one(kind.component, 'Changed'),
          201: one(kind.component, 'Made'),
          ...problems(400, 401, 403, 412, 422),
        },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { params, who } = request;
      const { domain } = who.asker;
      const before = kind.find(routing, domain, params.name);
      if (before === undefined) {
        // RFC 9110 §13.1.1: there is nothing that could match.
        if (request.headers['if-match'] !== undefined) throw new Refused(412, `No such ${kind.noun}`);
      } else etags.check(request, before);
      const thing = { domain, name: params.name, ...(request.body as object) } as T;
      const wrong = kind.wrong(parts, thing);
      if (wrong !== undefined) throw new Refused(422, wrong);
      await kind.put(routing, thing);
      auditLog.write(who, {
        action: before === undefined ? 'create' : 'change',
        what: `${kind.path}/${params.name}`,
        ...(before === undefined ? {} : { before: shown(before) }),
        after: shown(thing),
      });
      etags.set(reply, thing);
      return reply.code(before === undefined ? 201 : 200).send(shown(thing));
    },
  );
}

function removal<T extends Named>(server: FastifyInstance, parts: ApiParts, kind: Kind<T>): void {
  const { routing, auditLog, etags } = parts;
  const tags = ['rules'];
  server.delete<{ Params: Params }>(
    `/${kind.path}/:name`,
    {
      schema: {
        tags,
        summary: `Removes a ${kind.noun} that no rule uses; for administrators`,
        params: params('name'),
        response: { 204: nothing, ...problems(401, 403, 404, 409, 412) },
      },
      preHandler: byAdministrator,
    },
    async (request, reply) => {
      const { params, who } = request;
      const { domain } = who.asker;
      const before = found(parts, kind, domain, params.name);
      etags.check(request, before);
      const user = userOf(parts, domain, (condition) => kind.usedBy(condition, params.name));
      if (user !== undefined) throw new Refused(409, `${user} uses it`);
      await kind.remove(routing, domain, params.name);
      auditLog.write(who, { action: 'remove', what: `${kind.path}/${params.name}`, before: shown(before) });
      return reply.code(204).send(null);
    },
  );
}

const nameSchema = {
  type: 'string',
  pattern: '^[0-9A-Za-z][0-9A-Za-z ._-]{0,63}$',
  description: 'What rules call it',
} as const;

/** The first rule that has such a condition, and whose it is. */
function userOf(
  { routing, product }: ApiParts,
  domain: string,
  uses: (condition: Condition) => boolean,
): string | undefined {
  const within = (condition: Condition): boolean =>
    condition.kind === 'not' ? within(condition.condition) : uses(condition);
  for (const { owner, rules } of routing.routings(domain)) {
    const rule: Rule | undefined = rules.find(({ when }) => when.some(within));
    if (rule !== undefined) return `Rule "${rule.name}" of ${product.rules.nameOf(owner)}`;
  }
  return undefined;
}
