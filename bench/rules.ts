/**
 * What rules cost a call: milliseconds to walk all of a user's rules, none of which is taken, so that every one is looked
 * at. No network; look-ups and calendars are asked over none either. On a machine that does other things, the slowest calls
 * are those that waited for them: the load is printed, too.
 *
 * npm run bench -- rules [--rules 200] [--walks 5000]
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock as clock, systemRandom as random } from '../src/base/index.ts';
import {
  MemoryBindingStore,
  MemoryColdRouteStore,
  MemoryDirectoryStore,
  MemoryRoutingStore,
  type Action,
  type Condition,
  type RoutingOwner,
  type Rule,
} from '../src/stores/index.ts';
import { CallRouting, noCalendars, noLookUps } from '../src/switch/routing/call-routing.ts';
import { table } from './lib/table.ts';

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '200' },
    walks: { type: 'string', default: '5000' },
  },
});
const count = Number(values.rules);
const walks = Number(values.walks);

const domain = 'pbx.example';
const owner: RoutingOwner = { domain, kind: 'user', id: 'u100' };
const directory = new MemoryDirectoryStore();
const routing = new MemoryRoutingStore(directory);
await directory.putDomain({ name: domain, aliases: [] });
await directory.putUser({ id: 'u100', domain, extension: '100', name: 'Ada' });
await directory.putUser({ id: 'u200', domain, extension: '200', name: 'Bob' });
await directory.putNumber({ domain, number: '+4930123450', target: '100' });
const everyDay = [1, 2, 3, 4, 5, 6, 7];
for (let i = 0; i < 20; i++)
  await routing.putSchedule({
    domain,
    name: `hours-${i}`,
    timeZone: ['Europe/Berlin', 'America/New_York', 'Asia/Tokyo'][i % 3] ?? 'UTC',
    weekly: [{ days: everyDay, from: '00:00', to: '24:00' }],
    holidays: Array.from({ length: 20 }, (_, day) => `2020-01-${String(day + 1).padStart(2, '0')}`),
    dates: [],
  });
await routing.putCallerList({
  domain,
  name: 'customers',
  numbers: Array.from({ length: 500 }, (_, i) => `+4940${String(5_000_000 + i)}`),
});

/** What most rules are about: callers, hours, presence, results, each a rule of its own kind. */
function conditions(i: number): readonly Condition[] {
  const hours: Condition = { kind: 'time', schedule: `hours-${i % 20}`, open: true };
  const caller: Condition = {
    kind: 'caller',
    numbers: [`+4989${2_000_000 + i}`, `+4921${i}*`, `089 3${100_000 + i}`],
  };
  switch (i % 5) {
    case 0:
      return [hours, caller];
    case 1:
      return [{ ...hours, open: false }];
    case 2:
      return [{ kind: 'presence', is: ['meeting', 'out-of-office'] }];
    case 3:
      return [hours, { kind: 'caller', lists: ['customers'] }];
    default:
      return [{ kind: 'result', is: ['busy'] }, caller];
  }
}

const action: Action = { kind: 'forward', to: '200' };
const rules = Array.from({ length: count }, (_, i): Rule => {
  const shared = { id: `r${i}`, name: `Rule ${i}`, enabled: true, changedAt: 0, changedBy: '100' };
  return { ...shared, when: conditions(i), then: action };
});
await routing.putRouting({ owner, rules, profiles: [] });

const bindings = new MemoryBindingStore({ clock, random, limits: { perDevice: 10, total: 1000 } });
const live = new CallRouting({
  directory,
  bindings,
  coldRoutes: new MemoryColdRouteStore(),
  routing,
  clock,
  ringSeconds: 60,
  inCall: () => false,
  calendars: noCalendars,
  lookUps: noLookUps,
});

/** Milliseconds of one call through all of the rules; it also says how many were looked at. */
async function walk(i: number): Promise<{ readonly ms: number; readonly looked: number }> {
  const began = performance.now();
  const caller = { number: `+4930${1_000_000 + (i % 1000)}`, anonymous: false, outside: true };
  const way = live.walk(owner, { caller });
  let looked = 0;
  for (;;) {
    const next = await way.next('no-answer');
    looked += next.looked.filter(({ rule }) => rule !== undefined).length;
    if (next.step.do !== 'end') continue;
    return { ms: performance.now() - began, looked };
  }
}

for (let i = 0; i < 500; i++) await walk(i);
const times: number[] = [];
for (let i = 0; i < walks; i++) {
  const { ms, looked } = await walk(i);
  if (looked !== count) throw new Error(`${looked} of ${count} rules were looked at`);
  times.push(ms);
}
times.sort((a, b) => a - b);
const at = (share: number): string =>
  (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3);
console.log(
  table([
    { what: `${count} rules, ${walks} calls`, 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'worst ms': at(1) },
  ]),
);
const load = loadavg()[0] ?? 0;
console.log(`load ${load.toFixed(1)} on ${availableParallelism()} processors; the goal is under 1 ms at p99`);
bindings.close();
