import assert from 'node:assert/strict';
import type { DirectoryStore } from './directory-store.ts';
import type { Routing, RoutingOwner, RoutingPolicy, RoutingStore, Rule } from './routing-store.ts';

const domain = 'pbx.test';

const rule = (id: string, more: Partial<Rule> = {}): Rule => ({
  id,
  name: `Rule ${id}`,
  enabled: true,
  when: [{ kind: 'result', is: ['no-answer', 'busy'], afterSeconds: 20 }],
  then: {
    kind: 'ring',
    targets: [{ to: '200', afterSeconds: 5 }, { to: '+15550100' }],
    order: 'together',
    seconds: 30,
    caller: { show: 'prefix', prefix: 'Büro "1" ' },
    confirm: true,
  },
  changedAt: 1_700_000_000_123,
  changedBy: '100',
  ...more,
});

const owner = (kind: RoutingOwner['kind'], id: string, of = domain): RoutingOwner => ({
  domain: of,
  kind,
  id,
});

const routing = (of: RoutingOwner, rules: readonly Rule[], more: Partial<Routing> = {}): Routing => ({
  owner: of,
  rules,
  profiles: ['office', 'travel'],
  ...more,
});

const policy = (of: string, more: Partial<RoutingPolicy> = {}): RoutingPolicy => ({
  domain: of,
  mayForwardOutside: ['100'],
  country: 'DE',
  countries: 'all',
  blockedPrefixes: ['+49900'],
  exceptions: [],
  protectedNumbers: ['112'],
  confirmMobiles: true,
  concurrentForwards: 3,
  forwardsPerHour: 30,
  suppressInCall: false,
  ...more,
});

type Made = { readonly directory: DirectoryStore; readonly routing: RoutingStore };

/** What every `RoutingStore` has to do; `make` yields an empty one and the directory whose it is. */
export function routingStoreContract(name: string, make: () => Promise<Made>): void {
  describe(`routing store: ${name}`, () => {
    let store: RoutingStore;
    let directory: DirectoryStore;
    let changes: string[];
    beforeEach(async () => {
      ({ routing: store, directory } = await make());
      for (const each of [domain, 'other.test']) {
        await directory.putDomain({ name: each, aliases: [] });
        await directory.putUser({ id: `u100@${each}`, domain: each, extension: '100', name: 'Ada' });
        await directory.putNumber({ domain: each, number: '+15550100', target: '100' });
      }
      await directory.putGroup({
        id: 'g500',
        domain,
        extension: '500',
        name: 'Support',
        ring: 'all',
        members: ['100'],
      });
      changes = [];
      store.events.on('changed', ({ what, domain: of, id }) => changes.push(`${what} ${of} ${id}`));
    });
    const ada = owner('user', `u100@${domain}`);

    it('gives back rules whole and in their order', async () => {
      const whole = routing(ada, [rule('b'), rule('a', { locked: true, profiles: ['travel'], when: [] })], {
        profile: 'travel',
        presence: 'meeting',
      });
      await store.putRouting(whole);
      assert.deepEqual(store.routing(ada), whole);
      const turned = { ...whole, rules: whole.rules.toReversed() };
      await store.putRouting(turned);
      assert.deepEqual(
        store.routing(ada)?.rules.map(({ id }) => id),
        ['a', 'b'],
      );
      assert.deepEqual(changes, [`routing ${domain} user:${ada.id}`, `routing ${domain} user:${ada.id}`]);
    });

    it('keeps owners of one name in other kinds and domains apart', async () => {
      const owners = [
        owner('user', '7'),
        owner('group', '7'),
        owner('number', '7'),
        owner('user', '7', 'other.test'),
      ];
      for (const [i, whose] of owners.entries()) await store.putRouting(routing(whose, [rule(`r${i}`)]));
      assert.deepEqual(
        owners.map((whose) => store.routing(whose)?.rules[0]?.id),
        ['r0', 'r1', 'r2', 'r3'],
      );
      assert.equal(store.routings(domain).length, 3);
      await store.removeRouting(owner('group', '7'));
      assert.deepEqual(
        owners.map((whose) => store.routing(whose) !== undefined),
        [true, false, true, true],
      );
    });

    it('S2-54 keeps schedules, caller lists, calendars and the policy, each by domain and name', async () => {
      const schedule = {
        domain,
        name: 'office',
        timeZone: 'Europe/Berlin',
        weekly: [{ days: [1, 2, 3, 4, 5], from: '09:00', to: '17:30' }],
        holidays: ['2026-12-25'],
        dates: [{ date: '2026-12-24', from: '09:00', to: '12:00' }],
      };
      const list = { domain, name: 'office', numbers: ['+4930*', '1XX'] };
      const calendar = { domain, name: 'office', url: 'file:office.ics', refreshSeconds: 300 };
      await store.putSchedule(schedule);
      await store.putCallerList(list);
      await store.putCalendar(calendar);
      await store.putPolicy(policy(domain));
      assert.deepEqual(store.schedule(domain, 'office'), schedule);
      assert.deepEqual(store.callerList(domain, 'office'), list);
      assert.deepEqual(store.calendar(domain, 'office'), calendar);
      assert.deepEqual(store.policy(domain), policy(domain));
      assert.equal(store.schedule('other.test', 'office'), undefined);
      assert.equal(store.policy('other.test'), undefined);
      await store.putSchedule({ ...schedule, timeZone: 'America/New_York' });
      await store.putPolicy(policy(domain, { countries: ['DE'], mainNumber: '+493012345' }));
      assert.deepEqual(
        store.schedules(domain).map(({ timeZone }) => timeZone),
        ['America/New_York'],
      );
      assert.equal(store.policy(domain)?.mainNumber, '+493012345');
      await store.removeSchedule(domain, 'office');
      await store.removeCallerList(domain, 'office');
      await store.removeCalendar(domain, 'office');
      assert.deepEqual(
        [store.schedules(domain), store.callerLists(domain), store.calendars(domain)],
        [[], [], []],
      );
      assert.deepEqual(changes.slice(-3), [
        `schedule ${domain} office`,
        `caller-list ${domain} office`,
        `calendar ${domain} office`,
      ]);
    });

    it('says nothing when what is removed was not there', async () => {
      await store.removeRouting(ada);
      await store.removeSchedule(domain, 'none');
      assert.deepEqual(changes, []);
    });

    it("forgets a removed user's, group's and number's rules, and nobody else's", async () => {
      const others = owner('number', '+15550100', 'other.test');
      const gone = [ada, owner('group', 'g500'), owner('number', '+15550100')];
      for (const whose of [...gone, others]) await store.putRouting(routing(whose, [rule('r')]));
      await directory.removeUser(ada.id);
      await directory.removeGroup('g500');
      await directory.removeNumber(domain, '+15550100');
      assert.deepEqual(
        [...gone, others].map((whose) => store.routing(whose) !== undefined),
        [false, false, false, true],
      );
      assert.equal(changes.at(-1), `routing ${domain} number:+15550100`);
    });
  });
}
