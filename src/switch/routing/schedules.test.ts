import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Schedule } from '../../stores/index.ts';
import { isOpen, isTimeZone, TimeZones, turnOn } from './schedules.ts';

const zones = new TimeZones();
const office: Schedule = {
  domain: 'pbx.test',
  name: 'office',
  timeZone: 'Europe/Berlin',
  weekly: [{ days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }],
  holidays: [],
  dates: [],
};
const open = (schedule: Partial<Schedule>, wall: string): boolean => {
  const whole = { ...office, ...schedule };
  const local = zones.at(whole.timeZone, Date.parse(wall));
  assert.ok(local);
  return isOpen(whole, local);
};

describe('schedules', () => {
  it('S2-17 S2-74 are open by the clock of their own time zone', () => {
    // A Tuesday in winter: Berlin is an hour ahead of UTC.
    assert.equal(open({}, '2026-03-03T07:59:00Z'), false);
    assert.equal(open({}, '2026-03-03T08:00:00Z'), true);
    assert.equal(open({}, '2026-03-03T15:59:59Z'), true);
    assert.equal(open({}, '2026-03-03T16:00:00Z'), false);
    // In summer two.
    assert.equal(open({}, '2026-07-07T06:59:00Z'), false);
    assert.equal(open({}, '2026-07-07T07:00:00Z'), true);
    assert.equal(open({ timeZone: 'America/New_York' }, '2026-03-03T14:00:00Z'), true);
    assert.equal(open({ timeZone: 'America/New_York' }, '2026-03-03T13:59:00Z'), false);
    // Saturday.
    assert.equal(open({}, '2026-03-07T10:00:00Z'), false);
  });

  it('go over midnight, and belong to the day on which they begin', () => {
    const night = { weekly: [{ days: [5], from: '22:00', to: '06:00' }] };
    assert.equal(open(night, '2026-03-06T20:59:00Z'), false);
    assert.equal(open(night, '2026-03-06T21:00:00Z'), true);
    assert.equal(open(night, '2026-03-07T04:59:00Z'), true);
    assert.equal(open(night, '2026-03-07T05:00:00Z'), false);
    // The night before a holiday goes on into it; the one of the holiday does not begin.
    assert.equal(open({ ...night, holidays: ['2026-03-07'] }, '2026-03-07T04:59:00Z'), true);
    assert.equal(open({ ...night, holidays: ['2026-03-06'] }, '2026-03-07T04:59:00Z'), false);
    const always = { weekly: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' }] };
    assert.equal(open(always, '2026-03-06T23:59:00Z'), true);
    assert.equal(open(always, '2026-03-06T23:00:00Z'), true);
    const same = { weekly: [{ days: [2], from: '08:00', to: '08:00' }] };
    assert.equal(open(same, '2026-03-03T06:59:00Z'), false);
    assert.equal(open(same, '2026-03-03T07:00:00Z'), true);
    assert.equal(open(same, '2026-03-04T06:59:00Z'), true);
  });

  it('are closed on holidays, and have dates of their own', () => {
    const christmas = {
      holidays: ['2026-12-24', '2026-12-25'],
      dates: [{ date: '2026-12-24', from: '09:00', to: '12:00' }],
    };
    assert.equal(open(christmas, '2026-12-25T10:00:00Z'), false);
    assert.equal(open(christmas, '2026-12-24T10:00:00Z'), true);
    assert.equal(open(christmas, '2026-12-24T12:00:00Z'), false);
    const saturday = { dates: [{ date: '2026-03-07', from: '10:00', to: '14:00' }] };
    assert.equal(open(saturday, '2026-03-07T10:00:00Z'), true);
  });

  it('of an hour that is left out in spring miss nothing, and of one that comes twice are open twice', () => {
    const early = { weekly: [{ days: [7], from: '02:30', to: '03:30' }] };
    // 29 March 2026, 02:00 to 03:00 does not exist.
    assert.equal(open(early, '2026-03-29T00:59:00Z'), false);
    assert.equal(open(early, '2026-03-29T01:00:00Z'), true);
    assert.equal(open(early, '2026-03-29T01:29:00Z'), true);
    assert.equal(open(early, '2026-03-29T01:30:00Z'), false);
    // 25 October 2026, 02:30 comes at 00:30 and at 01:30 UTC.
    for (const [wall, expected] of [
      ['00:29', false],
      ['00:30', true],
      ['00:59', true],
      ['01:00', false],
      ['01:30', true],
      ['02:29', true],
      ['02:30', false],
    ] as const)
      assert.equal(open(early, `2026-10-25T${wall}:00Z`), expected, wall);
  });

  it('time zones are known by their names alone', () => {
    assert.ok(isTimeZone('Europe/Berlin') && isTimeZone('UTC') && isTimeZone('Asia/Kolkata'));
    for (const name of ['', 'Europe/Nowhere', 'W. Europe Standard Time', '../etc']) {
      assert.equal(isTimeZone(name), false, name);
      assert.equal(zones.at(name, 0), undefined);
    }
  });

  it('S2-32 a rotation gives every day one turn, one after the other, before its start, too', () => {
    const week = { start: '2026-03-02', days: 7, of: 3 };
    assert.deepEqual(
      ['2026-03-02', '2026-03-08', '2026-03-09', '2026-03-16', '2026-03-23', '2026-03-01'].map((date) =>
        turnOn(date, week),
      ),
      [0, 0, 1, 2, 0, 2],
    );
    fc.assert(
      fc.property(
        fc.integer({ min: -5000, max: 50_000 }),
        fc.integer({ min: 1, max: 366 }),
        fc.integer({ min: 1, max: 100 }),
        (day, days, of) => {
          const date = (n: number) => new Date(n * 86_400_000).toISOString().slice(0, 10);
          const rotation = { start: '2026-03-02', days, of };
          const turn = turnOn(date(day), rotation);
          assert.ok(Number.isInteger(turn) && turn >= 0 && turn < of);
          assert.equal(turnOn(date(day + days), rotation), (turn + 1) % of);
        },
      ),
    );
  });
});
