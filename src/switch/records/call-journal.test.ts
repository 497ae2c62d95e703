import assert from 'node:assert/strict';
import { silentLogger } from '../../base/index.ts';
import type { CallRecord } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import type { DialogFacts } from '../call/dialog-facts.ts';
import { settle, World } from '../testing/world.ts';
import { CallJournal, endLeftovers, type KeptCall } from './call-journal.ts';
import { RecordKeeper } from './record-keeper.ts';

/** What a journal's file would say. */
class Kept {
  readonly known = new Map<string, KeptCall>();
  put(key: string, value: KeptCall): void {
    this.known.set(key, structuredClone(value));
  }
  remove(key: string): void {
    this.known.delete(key);
  }
  calls(): KeptCall[] {
    return [...this.known.values()].filter((kept) => kept.kind !== 'alive');
  }
}

const facts = (callId: string): DialogFacts => ({
  callId,
  local: '<sip:100@pbx.test>;tag=ours',
  remote: '<sip:1001@pbx.test>;tag=theirs',
  target: 'sip:1001@192.0.2.9',
  routes: [],
  flow: { protocol: 'udp', address: '192.0.2.9', port: 5060 },
});

describe('journal of calls', () => {
  let world: World;
  let clock: VirtualClock;
  let kept: Kept;
  let journal: CallJournal;
  let keeper: RecordKeeper;
  let made: CallRecord[];
  beforeEach(async () => {
    clock = new VirtualClock();
    world = await World.create(clock);
    kept = new Kept();
    made = [];
    const { events } = world.core;
    journal = new CallJournal({ journal: kept, events, dialogsOf: (id) => [facts(id)], clock });
    keeper = new RecordKeeper({
      events,
      directory: world.directory,
      qualityOf: async () => undefined,
      keep: (record) => {
        journal.over(record);
        made.push(record);
      },
      log: silentLogger,
    });
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    journal.close();
    keeper.close();
    world.close();
  });

  /** What the next process does with what this one left. */
  const next = async (left: Kept) => {
    const records: CallRecord[] = [];
    const byes: string[] = [];
    const said: string[] = [];
    await endLeftovers({
      journal: left,
      directory: world.directory,
      forgetMedia: async () => undefined,
      endDialog: async ({ callId }, { text }) => void byes.push(`${callId} ${text}`),
      keep: (record) => records.push(record),
      log: { ...silentLogger, warn: (_: object, text: string) => said.push(text) },
    });
    return { records, byes, said };
  };
  /** The file as it is at this moment. */
  const killed = (): Kept => {
    const copy = new Kept();
    for (const [key, value] of kept.known) copy.put(key, value);
    return copy;
  };

  it('a call that was talking gets its record up to the last sign of life, and BYE in its dialogs', async () => {
    await world.dial('2001', '100');
    world.at('1001').answer();
    await settle();
    const answeredAt = clock.wall();
    await world.pass(12_000);
    const left = killed();
    const { records, byes } = await next(left);
    const [record] = records;
    assert.ok(record !== undefined && records.length === 1);
    assert.deepEqual(
      [record.from, record.to, record.endedBy, record.ended.cause],
      ['200', '100', 'switch', 503],
    );
    assert.equal(record.answeredAt, answeredAt);
    assert.ok(record.endedAt > answeredAt + 5000 && record.endedAt <= answeredAt + 12_000);
    assert.ok(record.legs.every((leg) => leg.endedAt !== undefined && leg.ended !== undefined));
    assert.deepEqual(byes, [`${record.id} The switch was restarted`]);
    // Should the next process die as well before the database has it, it is made once more, and is the same.
    assert.deepEqual((await next(left)).records, records);
    assert.deepEqual((await next(left)).byes, []);
  });

  it('a call that rang is a missed one', async () => {
    await world.dial('2001', '100');
    world.at('1001').ring();
    await settle();
    const { records } = await next(killed());
    assert.deepEqual(
      records.map((r) => [r.answeredAt, r.ringingAt !== undefined, r.user]),
      [[undefined, true, '100']],
    );
  });

  it('what is over is left to the database, and then forgotten', async () => {
    const caller = await world.dial('2001', '100');
    world.at('1001').answer();
    await settle();
    caller.dialog.hangUp();
    const atTheEnd = killed();
    await keeper.settled();
    assert.deepEqual(kept.calls(), [{ kind: 'over', record: made[0] }]);
    // Killed between the end and the record: it is the same, and nobody is sent a BYE.
    for (const left of [atTheEnd, killed()]) {
      const { records, byes, said } = await next(left);
      assert.deepEqual(records, made);
      assert.deepEqual(byes, []);
      assert.deepEqual(said, []);
    }
    journal.kept(made);
    assert.deepEqual(kept.calls(), []);
  });

  it('notes that it lives as long as there are calls, and leaves no timer', async () => {
    const before = clock.pending;
    const caller = await world.dial('2001', '100');
    world.at('1001').answer();
    await settle();
    await world.pass(20_000);
    const alive = kept.known.get('*');
    assert.ok(alive?.kind === 'alive' && alive.at >= clock.wall() - 5000);
    caller.dialog.hangUp();
    await settle();
    await world.pass(10_000);
    assert.equal(clock.pending, before);
  });

  it('nothing left is nothing done', async () => {
    assert.deepEqual(await next(new Kept()), { records: [], byes: [], said: [] });
  });

  it('a dialog that an engine no longer knows is ended with what is known of it (RFC 3261 §12.2.1.1)', async () => {
    const sent: unknown[] = [];
    world.phones.request = (method, route, options) => {
      sent.push([method, route, options]);
      return Promise.resolve({ status: 200, reason: 'OK' });
    };
    await world.core.endDialog(facts('c1'), { cause: 503, text: 'gone' });
    const headers = {
      'Call-ID': 'c1',
      From: '<sip:100@pbx.test>;tag=ours',
      To: '<sip:1001@pbx.test>;tag=theirs',
      CSeq: '2000000000 BYE',
      Reason: 'SIP;cause=503;text="gone"',
    };
    assert.deepEqual(sent, [['BYE', { uri: 'sip:1001@192.0.2.9' }, { headers }]]);
  });
});
