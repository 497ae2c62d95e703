import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readCalendar } from './calendar-spans.ts';
import { TimeZones } from './schedules.ts';

const zones = new TimeZones();
const march = { from: Date.parse('2026-03-01T00:00:00Z'), until: Date.parse('2026-04-10T00:00:00Z') };

const berlin = `BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE`;

const calendar = (...lines: readonly string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR'].join('\r\n').replaceAll(/\r?\n/g, '\r\n');
const event = (...lines: readonly string[]) => ['BEGIN:VEVENT', 'UID:1', ...lines, 'END:VEVENT'].join('\n');

function spans(...lines: readonly string[]): readonly string[] {
  const read = readCalendar(calendar(...lines), march, zones);
  if (!read.ok) throw new Error(read.why);
  const at = (wall: number) => new Date(wall).toISOString().slice(5, 16);
  return read.spans.map(({ from, until, is }) => `${at(from)} ${at(until)} ${is}`);
}

describe('a calendar (RFC 5545)', () => {
  it('S2-73 says when somebody is busy', () => {
    assert.deepEqual(spans(event('DTSTART:20260303T090000Z', 'DTEND:20260303T100000Z', 'SUMMARY:Board')), [
      '03-03T09:00 03-03T10:00 busy',
    ]);
    assert.deepEqual(spans(event('DTSTART:20260303T090000Z', 'DURATION:PT90M')), [
      '03-03T09:00 03-03T10:30 busy',
    ]);
    assert.deepEqual(spans(event('DTSTART:20270303T090000Z', 'DURATION:PT90M')), []);
  });

  it('S2-77 and when out of office: by Microsoft’s field, or by the words of the title', () => {
    const when = ['DTSTART;VALUE=DATE:20260303', 'DTEND;VALUE=DATE:20260305'];
    for (const said of ['X-MICROSOFT-CDO-BUSYSTATUS:OOF', 'SUMMARY:Out of office', 'SUMMARY:Urlaub'])
      assert.deepEqual(spans(event(...when, said)), ['03-03T00:00 03-05T00:00 out-of-office'], said);
    assert.deepEqual(spans(event(...when, 'SUMMARY:Vacation', 'TRANSP:TRANSPARENT')), [
      '03-03T00:00 03-05T00:00 out-of-office',
    ]);
  });

  it('§3.8.2.7 §3.8.1.11 transparent, free and cancelled events engage nobody', () => {
    const when = ['DTSTART:20260303T090000Z', 'DTEND:20260303T100000Z'];
    for (const said of [
      'TRANSP:TRANSPARENT',
      'STATUS:CANCELLED',
      'X-MICROSOFT-CDO-BUSYSTATUS:FREE',
      'X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE',
    ])
      assert.deepEqual(spans(event(...when, said)), [], said);
    assert.equal(spans(event(...when, 'TRANSP:OPAQUE', 'STATUS:TENTATIVE')).length, 1);
  });

  it('§3.8.5 recurring events go on by the local clock over the change of summer time', () => {
    const weekly = ['RRULE:FREQ=WEEKLY;COUNT=5', 'DURATION:PT1H'];
    const expected = ['03-16T08:00', '03-23T08:00', '03-30T07:00', '04-06T07:00'];
    const begins = (list: readonly string[]) => list.map((span) => span.slice(0, 11));
    const iana = event('DTSTART;TZID=Europe/Berlin:20260316T090000', ...weekly);
    assert.deepEqual(begins(spans(iana)), expected);
    const own = event('DTSTART;TZID=W. Europe Standard Time:20260316T090000', ...weekly);
    assert.deepEqual(begins(spans(berlin, own)), expected);
  });

  it('§3.8.5.1 §3.8.4.4 occurrences are left out, moved and cancelled', () => {
    const series = event(
      'DTSTART:20260302T090000Z',
      'DURATION:PT1H',
      'RRULE:FREQ=DAILY;COUNT=5',
      'EXDATE:20260303T090000Z',
    );
    const moved = event('RECURRENCE-ID:20260304T090000Z', 'DTSTART:20260304T150000Z', 'DURATION:PT30M');
    const off = event(
      'RECURRENCE-ID:20260305T090000Z',
      'DTSTART:20260305T090000Z',
      'DURATION:PT1H',
      'STATUS:CANCELLED',
    );
    assert.deepEqual(spans(series, moved, off), [
      '03-02T09:00 03-02T10:00 busy',
      '03-04T15:00 03-04T15:30 busy',
      '03-06T09:00 03-06T10:00 busy',
    ]);
  });

  it('an event that began long ago and goes on for ever counts now', () => {
    const daily = event('DTSTART:20160101T120000Z', 'DURATION:PT15M', 'RRULE:FREQ=DAILY');
    assert.equal(spans(daily).length, 40);
  });

  it('dates alone, and times without a zone, are in the calendar’s own', () => {
    const day = event('DTSTART;VALUE=DATE:20260303');
    assert.deepEqual(spans('X-WR-TIMEZONE:America/New_York', day), ['03-03T05:00 03-04T05:00 busy']);
    const floating = event('DTSTART:20260303T090000', 'DURATION:PT1H');
    assert.deepEqual(spans('X-WR-TIMEZONE:America/New_York', floating), ['03-03T14:00 03-03T15:00 busy']);
    // An hour that is left out in spring is the one after it.
    const gone = event('DTSTART;TZID=Europe/Berlin:20260329T023000', 'DURATION:PT1H');
    assert.deepEqual(spans(gone), ['03-29T01:30 03-29T02:30 busy']);
  });

  it('one that would not end, or is too large, is given up', () => {
    const seconds = event('DTSTART:20200101T000000Z', 'DURATION:PT1S', 'RRULE:FREQ=SECONDLY');
    const read = readCalendar(calendar(seconds), march, zones, 1000);
    assert.match(read.ok ? '' : read.why, /too many occurrences/);
  });

  it('what is no calendar says so, whatever it is', () => {
    for (const text of ['', 'hello', '<html></html>', 'BEGIN:VCALENDAR', 'BEGIN:VCARD\r\nEND:VCARD'])
      assert.equal(readCalendar(text, march, zones).ok, false, text);
    const base = calendar(event('DTSTART:20260303T090000Z', 'RRULE:FREQ=DAILY;COUNT=5', 'DURATION:PT1H'));
    fc.assert(
      fc.property(fc.nat(base.length), fc.string({ maxLength: 20 }), (at, noise) => {
        const read = readCalendar(base.slice(0, at) + noise + base.slice(at + noise.length), march, zones);
        assert.equal(typeof read.ok, 'boolean');
      }),
      { numRuns: 300 },
    );
  });
});
