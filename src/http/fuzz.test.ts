import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { domain, settle } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

type Schema = {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
};
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};
type OpenApi = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

/** What exists, so that requests reach the inside. */
const known = [
  '100',
  '200',
  '1001',
  '1002',
  '2001',
  '300',
  '500',
  'd1001',
  'u100',
  '*33',
  '+15550100',
  'office',
  'vip',
  'r1',
  'r2',
  'travel',
  'Europe/Berlin',
];
const anything = fc.oneof(
  fc.string(),
  fc.constantFrom(...known),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('../..', '%00', "' OR 1=1 --", '__proto__', 'constructor', '\u0000', '💥'),
);

/** Values that fit a schema, more or less. */
function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  const either = schema.oneOf ?? schema.anyOf;
  if (either !== undefined) return fc.oneof(...either.map((one) => valueOf(one)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return mostly(fc.constantFrom(...schema.enum));
  if (type === 'boolean') return mostly(fc.boolean());
  if (type === 'integer' || type === 'number')
    return mostly(fc.integer({ min: schema.minimum ?? -10, max: schema.maximum ?? 10_000 }));
  if (type === 'object' || schema.properties !== undefined) return objectOf(schema);
  if (type === 'array') return mostly(fc.array(valueOf(schema.items ?? {}), { maxLength: 4 }));
  const usual = [fc.constantFrom(...known), fc.stringMatching(/^[0-9]{3,8}$/)];
  return fc.oneof(...[...textsOf(schema), ...usual].map((arbitrary) => ({ arbitrary, weight: 6 })), anything);
}

/** Texts that fit a pattern, where fast-check can make some: it knows no property escapes. */
function textsOf({ pattern }: Schema): readonly fc.Arbitrary<string>[] {
  if (pattern === undefined) return [];
  try {
    return [fc.stringMatching(new RegExp(pattern, 'u'))];
  } catch {
    return [];
  }
}

const mostly = (fitting: fc.Arbitrary<unknown>) =>
  fc.oneof({ arbitrary: fitting, weight: 20 }, { arbitrary: anything, weight: 1 });

function objectOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const entries = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valueOf(schema)]),
  );
  const fitting = fc.record(entries, { requiredKeys: required.filter((name) => name in entries) });
  const loose = fc.record({ ...entries, unknown: anything }, { requiredKeys: [] });
  return fc.oneof(
    { arbitrary: fitting, weight: 20 },
    { arbitrary: loose, weight: 2 },
    fc.array(anything),
    anything,
  );
}

type Request = { readonly method: string; readonly path: string; readonly body?: unknown };

/** Requests for one operation of `openapi.json`; `ids` are those of live things. */
function requestsOf(
  path: string,
  method: string,
  operation: Operation,
  ids: readonly string[],
): fc.Arbitrary<Request> {
  const parameters = operation.parameters ?? [];
  const text = (value: unknown) => encodeURIComponent(String(value).toWellFormed());
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const body = operation.requestBody?.content['application/json']?.schema;
  return fc
    .record({
      path: fc.tuple(...inPath.map(() => fc.oneof(fc.constantFrom(...known, ...ids), anything))),
      query: fc.record(Object.fromEntries(inQuery.map(({ name, schema }) => [name, valueOf(schema)])), {
        requiredKeys: [],
      }),
      body: body === undefined ? fc.constant(undefined) : valueOf(body),
    })
    .map(({ path: values, query, body }) => {
      const filled = inPath.reduce(
        (whole, { name }, i) => whole.replace(`{${name}}`, text(values[i]) || '%20'),
        path,
      );
      const pairs = Object.entries(query).map(([name, value]) => `${name}=${text(value)}`);
      return {
        method: method.toUpperCase(),
        path: pairs.length === 0 ? filled : `${filled}?${pairs.join('&')}`,
        ...(body === undefined ? {} : { body: JSON.stringify(body) ?? 'null' }),
      };
    });
}

describe('the API under requests that nobody would make', () => {
  let api: ApiWorld;
  let operations: readonly (readonly [string, string, Operation])[];
  beforeEach(async () => {
    api = await ApiWorld.start({
      requestsPerSecond: 1_000_000,
      requestBurst: 1_000_000,
      failures: 1_000_000,
    });
    const { paths } = (await api.nobody.get('/api/v1/openapi.json')).body as unknown as OpenApi;
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [path, method, operation] as const),
    );
    assert.ok(operations.length >= 25);
    await directions();
  });
  afterEach(() => api.close());

  /** A group, a number, and rules with all that they may refer to. */
  const directions = async () => {
    const { directory, routing } = api.world;
    await directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'x',
      ring: 'all',
      members: ['100'],
    });
    await directory.putNumber({ domain, number: '+15550100', target: '500' });
    for (const [path, said] of [
      ['schedules/office', { timeZone: 'Europe/Berlin' }],
      ['caller-lists/vip', { numbers: ['+4930*'] }],
      ['policy', { country: 'US', protectedNumbers: ['500'] }],
    ] as const)
      assert.ok((await api.admin.put(`/api/v1/${path}`, said)).status < 300, path);
    const forward = { kind: 'forward', to: '200' } as const;
    const shared = { name: 'x', enabled: false, when: [], changedAt: 0, changedBy: 'administrator' };
    const rules = ['r1', 'r2'].map((id) => ({
      ...shared,
      id,
      then: forward,
      ...(id === 'r1' ? { locked: true } : {}),
    }));
    for (const [kind, id] of [
      ['user', 'u100'],
      ['group', 'g500'],
      ['number', '+15550100'],
    ] as const)
      await routing.putRouting({
        owner: { domain, kind, id },
        rules,
        profiles: ['travel'],
        profile: 'travel',
      });
  };
  const aCall = async () => {
    await api.world.dial('2001', '100');
    api.world.at('1001').answer();
    await settle();
    return api.world.core.listCalls({ domain, admin: true }).map((call) => call.id);
  };
  const requests = (ids: readonly string[]) =>
    fc.oneof(
      ...operations
        // A stream has no end to wait for; its tests are elsewhere.
        .filter(([path]) => path !== '/api/v1/events')
        .map(([path, method, operation]) => requestsOf(path, method, operation, ids)),
    );
  const ask = (client: Client, { method, path, body }: Request) =>
    client.ask(method, path, body === undefined ? {} : { body });
  /** All that there is to change, but for a user's own routing. */
  const state = (but?: string) => {
    const { directory, bindings, coldRoutes, routing, core } = api.world;
    const users = directory.users(domain);
    return JSON.stringify([
      users,
      users.map((user) => directory.devicesOf(user.id)),
      bindings.all().map((binding) => binding.id),
      coldRoutes.all(),
      directory.groups(domain),
      directory.numbers(domain),
      directory.trunks(domain),
      routing.routings(domain).filter(({ owner }) => owner.id !== but),
      routing.schedules(domain),
      routing.callerLists(domain),
      routing.calendars(domain),
      routing.policy(domain),
      core.listCalls({ domain, admin: true }).map((call) => [call.id, call.state, call.flips]),
    ]);
  };

  it('no 5xx, and every refusal is a problem: as an administrator', async () => {
    const ids = [...(await aCall()), ...api.world.bindings.all().map((binding) => binding.id)];
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(requests(ids), async (request) => {
        const { status, headers } = await ask(api.admin, request);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        assert.ok(status < 500, `${request.method} ${request.path}: ${status}`);
        if (status >= 400) assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
      }),
      { numRuns: 600 },
    );
    // They do reach the inside.
    for (const status of [200, 400, 404])
      assert.ok(seen.has(status), `never ${status}: ${[...seen].join(' ')}`);
  }).timeout(60_000);

  it('without a token, or with a wrong one, nothing changes', async () => {
    const ids = await aCall();
    const before = state();
    await fc.assert(
      fc.asyncProperty(requests(ids), fc.boolean(), async (request, token) => {
        const headers: Record<string, string> = token ? { authorization: 'Bearer 0123456789abcdef' } : {};
        const { method, path, body } = request;
        const { status } = await api.nobody.ask(method, path, {
          headers,
          ...(body === undefined ? {} : { body }),
        });
        // Only logging in and asking who one is are open; the first with the right PIN succeeds.
        if (path.startsWith('/api/v1/sessions')) assert.ok(status < 500);
        else assert.ok([400, 401, 404, 414].includes(status), `${method} ${path}: ${status}`);
      }),
      { numRuns: 300 },
    );
    assert.equal(state(), before);
  }).timeout(60_000);

  it('S1-26 a user changes nothing of anybody else’s, whatever is asked', async () => {
    await api.admin.post('/api/v1/users', { extension: '300', name: 'Cleo', pin: '3000' });
    const ids = [...(await aCall()), ...api.world.bindings.all().map((binding) => binding.id)];
    // Cleo has no part in the call, and no device but her own.
    const cleo = await api.nobody.login('300', '3000');
    const own = api.world.directory.user(domain, '300')?.id;
    const before = state(own);
    await fc.assert(
      fc.asyncProperty(requests(ids), async (request) => {
        if (request.path.startsWith('/api/v1/sessions')) return;
        const { status, text } = await ask(cleo, request);
        assert.ok(status < 500, `${request.method} ${request.path}: ${status}`);
        assert.doesNotMatch(text, /scrypt|"md5"|"sha256"/);
      }),
      { numRuns: 400 },
    );
    assert.equal(state(own), before);
  }).timeout(60_000);

  it('S2-48 a user changes nothing that is locked, and leads no call where the policy forbids', async () => {
    await api.admin.put('/api/v1/policy', { mayForwardOutside: [] });
    const ada = await api.nobody.login('100');
    const owner = { domain, kind: 'user', id: 'u100' } as const;
    const locked = () => api.world.routing.routing(owner)?.rules.filter((rule) => rule.locked === true);
    const before = JSON.stringify([locked(), api.world.routing.policy(domain)]);
    const own = operations.filter(([path]) => path.includes('/rules') && path.includes('/users/'));
    assert.ok(own.length >= 8);
    const requests = own.map(([path, method, operation]) =>
      requestsOf(path.replace('{ext}', '100'), method, operation, []),
    );
    let changes = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async (request) => {
        const { status } = await ask(ada, request);
        assert.ok(status < 500, `${request.method} ${request.path}: ${status}`);
        if (request.method !== 'GET' && status < 300) changes++;
        const { rules = [] } = api.world.routing.routing(owner) ?? {};
        for (const rule of rules) {
          const refusal = api.world.core.rules.refusal(owner, rule, true);
          assert.equal(refusal, undefined, `${request.method} ${request.path} ${String(request.body)}`);
        }
      }),
      { numRuns: 300 },
    );
    // They do reach the inside.
    assert.ok(changes > 0);
    assert.equal(JSON.stringify([locked(), api.world.routing.policy(domain)]), before);
  }).timeout(60_000);
});
