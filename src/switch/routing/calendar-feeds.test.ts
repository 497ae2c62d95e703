import assert from 'node:assert/strict';
import { silentLogger } from '../../base/index.ts';
import { MemoryRoutingStore, type CalendarSource } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { CalendarFeeds } from './calendar-feeds.ts';
import type { CalendarContents } from './calendar-spans.ts';

const domain = 'pbx.test';
const ada: CalendarSource = { domain, name: 'ada', url: 'https://calendar.test/ada', refreshSeconds: 900 };
const settle = () => new Promise((done) => setImmediate(done));

describe('calendars that are read again and again', () => {
  let clock: VirtualClock;
  let routing: MemoryRoutingStore;
  let reads: string[];
  let warned: string[];
  let feeds: CalendarFeeds;
  let answer: (source: CalendarSource) => CalendarContents;

  const start = () => {
    feeds = new CalendarFeeds({
      routing,
      domains: () => [domain],
      allows: (url) => !url.includes('inner'),
      read: async (source) => {
        reads.push(source.url);
        return answer(source);
      },
      clock,
      log: {
        ...silentLogger,
        warn: (_fields: object, text: string) => void warned.push(text),
        info: (_fields: object, text: string) => void warned.push(text),
      },
    });
  };
  const now = (name = 'ada') => [...(feeds.at(domain, name, clock.wall()) ?? ['unknown'])];
  const busy = (): CalendarContents => ({
    ok: true,
    spans: [
      { from: clock.wall(), until: clock.wall() + 60_000, is: 'busy' },
      { from: clock.wall() + 30_000, until: clock.wall() + 90_000, is: 'out-of-office' },
    ],
  });

  beforeEach(async () => {
    clock = new VirtualClock();
    routing = new MemoryRoutingStore();
    reads = [];
    warned = [];
    answer = busy;
    await routing.putCalendar(ada);
    start();
    await settle();
  });
  afterEach(() => feeds.close());

  it('S2-73 are read at the start, and say what holds at a time', () => {
    assert.deepEqual(now(), ['busy']);
    assert.deepEqual([...(feeds.at(domain, 'ada', clock.wall() + 45_000) ?? [])], ['busy', 'out-of-office']);
    assert.deepEqual([...(feeds.at(domain, 'ada', clock.wall() + 90_000) ?? [])], []);
    assert.deepEqual(now('nobody'), ['unknown']);
    // Nobody has looked so far ahead.
    assert.equal(feeds.at(domain, 'ada', clock.wall() + 400 * 86_400_000), undefined);
  });

  it('are read anew after their time, and keep what was read last while that fails', async () => {
    answer = () => ({ ok: false, why: 'gone' });
    clock.advance(900_000);
    await settle();
    assert.equal(reads.length, 2);
    assert.deepEqual(now(), []);
    clock.advance(900_000);
    await settle();
    assert.deepEqual(warned, ['calendar not read; what was read last goes on counting']);
    answer = busy;
    clock.advance(900_000);
    await settle();
    assert.deepEqual(now(), ['busy']);
    assert.equal(warned.at(-1), 'calendar read again');
  });

  it('that are added, changed and removed count at once', async () => {
    await routing.putCalendar({ ...ada, name: 'bob', url: 'https://calendar.test/bob' });
    await settle();
    assert.deepEqual(now('bob'), ['busy']);
    await routing.putCalendar({ ...ada, refreshSeconds: 60 });
    // What is known of the same address still counts while it is read.
    assert.deepEqual(now(), ['busy']);
    await settle();
    const before = reads.length;
    clock.advance(60_000);
    await settle();
    assert.equal(reads.length, before + 1);
    await routing.removeCalendar(domain, 'ada');
    assert.deepEqual(now(), ['unknown']);
    await settle();
    clock.advance(60_000);
    await settle();
    assert.equal(reads.length, before + 1);
  });

  it('at addresses that the configuration does not allow are not read', async () => {
    await routing.putCalendar({ ...ada, name: 'inner', url: 'http://inner.test/' });
    await settle();
    assert.ok(!reads.includes('http://inner.test/'));
    assert.deepEqual(now('inner'), ['unknown']);
    assert.deepEqual(warned, ['calendar not read']);
  });
});
