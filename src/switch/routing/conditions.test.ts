import assert from 'node:assert/strict';
import type { CallerList, Condition, Presence, Schedule } from '../../stores/index.ts';
import { judge } from './conditions.ts';
import { calling, factsOf } from './rule-kit.test.ts';
import type { RoutingFacts } from './facts.ts';

const holds = async (condition: Condition, facts: Partial<RoutingFacts> = {}) =>
  (await judge(condition, factsOf(facts))).holds;
const not = (condition: Condition): Condition => ({ kind: 'not', condition });

describe('conditions', () => {
  describe('caller', () => {
    const is = (...numbers: readonly string[]): Condition => ({ kind: 'caller', numbers });

    it('S2-17 S2-40 a number is the same however it is written', async () => {
      for (const number of [
        '+49301234567',
        '0301234567',
        '030 123 45 67',
        '0049301234567',
        '+49 (30) 1234567',
      ])
        for (const entry of ['+49301234567', '0301234567', '030 1234567', '00 49 30 1234567'])
          assert.equal(await holds(is(entry), calling(number)), true, `${number} ${entry}`);
      assert.equal(await holds(is('+49301234568'), calling('0301234567')), false);
    });

    it('patterns fit a number as it came, in E.164, and as it is dialled in its country', async () => {
      for (const pattern of ['+4930*', '030*', '+4930123456X', '+*', '03012345XX'])
        assert.equal(await holds(is(pattern), calling('+49301234567')), true, pattern);
      for (const pattern of ['+4931*', '+493012345X', '030X', '+49301234567X*'])
        assert.equal(await holds(is(pattern), calling('+49301234567')), false, pattern);
    });

    it('an extension is no telephone number', async () => {
      const inside = { caller: { number: '200', anonymous: false, outside: false } };
      assert.equal(await holds(is('200'), inside), true);
      assert.equal(await holds(is('2XX'), inside), true);
      assert.equal(await holds(is('+200'), inside), false);
      assert.equal(await holds({ kind: 'caller', outside: true }, inside), false);
      assert.equal(await holds({ kind: 'caller', outside: false }, inside), true);
    });

    it('S2-38 S2-84 in a list; without that list nothing is known', async () => {
      const vip: CallerList = { domain: 'pbx.test', name: 'vip', numbers: ['+4940*', '030 1234567'] };
      const facts = {
        ...calling('+49301234567'),
        callerList: (name: string) => (name === 'vip' ? vip : undefined),
      };
      assert.equal(await holds({ kind: 'caller', lists: ['none', 'vip'] }, facts), true);
      assert.equal(await holds(not({ kind: 'caller', lists: ['vip'] }), facts), false);
      for (const gone of [
        { kind: 'caller', lists: ['none'] } as const,
        not({ kind: 'caller', lists: ['none'] }),
      ])
        assert.equal(await holds(gone, facts), undefined);
    });

    it('anonymous is who withholds the number; rules may know it all the same', async () => {
      assert.equal(await holds({ kind: 'caller', anonymous: true }, calling('', true)), true);
      assert.equal(await holds({ kind: 'caller', anonymous: true }, calling('+49301234567')), false);
      assert.equal(await holds({ kind: 'caller', anonymous: false }, calling('', true)), false);
      assert.equal(
        await holds({ kind: 'caller', numbers: ['+4930*'], anonymous: true }, calling('+49301', true)),
        true,
      );
      assert.equal(
        await holds({ kind: 'caller', numbers: ['+4930*'], anonymous: false }, calling('+49301', true)),
        false,
      );
      assert.equal(await holds({ kind: 'caller', numbers: ['+X*'] }, calling('')), false);
      assert.equal(await holds({ kind: 'caller' }, calling('')), true);
    });
  });

  it('S2-37 time: open or closed; an unknown schedule is neither', async () => {
    const schedule: Schedule = {
      domain: 'pbx.test',
      name: 'asia',
      timeZone: 'Asia/Tokyo',
      weekly: [{ days: [2], from: '09:00', to: '18:00' }],
      holidays: [],
      dates: [],
    };
    const at = (wall: string) => ({ wall: Date.parse(wall), schedule: () => schedule });
    const open: Condition = { kind: 'time', schedule: 'asia', open: true };
    assert.equal(await holds(open, at('2026-03-03T00:00:00Z')), true);
    assert.equal(await holds(open, at('2026-03-03T09:00:00Z')), false);
    assert.equal(await holds({ ...open, open: false }, at('2026-03-03T09:00:00Z')), true);
    assert.equal(await holds(not(open), at('2026-03-03T09:00:00Z')), true);
    assert.equal(await holds(open), undefined);
    assert.equal(await holds(not(open)), undefined);
    const lost = {
      ...at('2026-03-03T00:00:00Z'),
      schedule: () => ({ ...schedule, timeZone: 'Asia/Nowhere' }),
    };
    assert.equal(await holds(open, lost), undefined);
  });

  it('S2-74 location: where a phone is', async () => {
    const at: Condition = { kind: 'location', networks: ['10.1.0.0/16'], devices: ['1002'] };
    const facts = {
      isAt: (networks: readonly string[], devices?: readonly string[]) =>
        networks.length === 1 && devices?.[0] === '1002',
    };
    assert.equal(await holds(at, facts), true);
    assert.equal(await holds(not(at), facts), false);
    assert.equal(await holds({ kind: 'location', networks: ['10.1.0.0/16'] }, facts), false);
  });

  it('S2-05 S2-72 S2-76 presence: any of what holds at once', async () => {
    const facts = { presence: new Set<Presence>(['meeting', 'in-call']) };
    assert.equal(await holds({ kind: 'presence', is: ['meeting'] }, facts), true);
    assert.equal(await holds({ kind: 'presence', is: ['in-call', 'out-of-office'] }, facts), true);
    assert.equal(await holds({ kind: 'presence', is: ['available'] }, facts), false);
    assert.equal(await holds({ kind: 'presence', is: ['available'] }), true);
  });

  it('S2-73 S2-77 S2-78 calendar: busy or out of office; one that was not read is neither', async () => {
    const said = (...what: readonly ('busy' | 'out-of-office')[]) => ({ calendar: () => new Set(what) });
    const busy: Condition = { kind: 'calendar', calendar: 'ada', is: 'busy' };
    assert.equal(await holds(busy, said('busy')), true);
    assert.equal(await holds(busy, said('out-of-office')), false);
    assert.equal(await holds(not(busy), said()), true);
    assert.equal(await holds({ ...busy, is: 'out-of-office' }, said('busy', 'out-of-office')), true);
    assert.equal(await holds(busy), undefined);
    assert.equal(await holds(not(busy)), undefined);
  });

  it('S2-84 look-up: what is answered, or the fallback', async () => {
    const ask = (fallback: boolean): Condition => ({
      kind: 'look-up',
      url: 'https://crm.test/',
      timeoutMs: 500,
      is: ['vip', 'partner'],
      fallback,
    });
    assert.equal(await holds(ask(false), { lookUp: async () => 'partner' }), true);
    assert.equal(await holds(ask(true), { lookUp: async () => 'nobody' }), false);
    assert.equal(await holds(ask(true)), true);
    assert.equal(await holds(ask(false)), false);
    assert.equal(await holds(not(ask(false)), { lookUp: async () => 'vip' }), false);
  });

  it('S2-32 turn: by the date of its own time zone', async () => {
    const turn = (is: number): Condition => ({
      kind: 'turn',
      timeZone: 'Asia/Tokyo',
      start: '2026-03-02',
      days: 1,
      of: 2,
      is,
    });
    // In Tokyo it is the 4th already.
    assert.equal(await holds(turn(0), { wall: Date.parse('2026-03-03T15:00:00Z') }), true);
    assert.equal(await holds(turn(1), { wall: Date.parse('2026-03-03T14:59:00Z') }), true);
  });
});
