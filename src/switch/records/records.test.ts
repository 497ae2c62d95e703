import assert from 'node:assert/strict';
import { silentLogger } from '../../base/index.ts';
import type { CallRecord } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import type { MediaEngine } from '../call/media-engine.ts';
import type { FakeDialog, FakeIncoming } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { MediaWatch, RecordKeeper } from './index.ts';

describe('call records', () => {
  let world: World;
  let records: CallRecord[];
  let keeper: RecordKeeper;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
    await world.directory.putUser({ id: 'u300', domain: 'pbx.test', extension: '300', name: 'Cleo' });
    await world.addDevice('300', '3001');
    records = [];
    keeper = new RecordKeeper({
      events: world.core.events,
      directory: world.directory,
      qualityOf: async () => undefined,
      keep: (record) => records.push(record),
      log: silentLogger,
    });
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    keeper.close();
    world.close();
  });

  const talking = async (): Promise<{ far: FakeIncoming; desk: FakeDialog }> => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    return { far, desk };
  };
  const theRecord = async (): Promise<CallRecord> => {
    await keeper.settled();
    const [record, ...others] = records;
    assert.ok(record !== undefined && others.length === 0, `${records.length} records`);
    return record;
  };

  it('S1-27 S1-53 S3-15 S3-21 a flip shows one user and the devices it passed through', async () => {
    const { far } = await talking();
    await world.pass(1000);
    await world.dial('1002', '*33');
    await world.pass(500);
    far.dialog.hangUp();
    const record = await theRecord();
    assert.deepEqual(
      [record.from, record.to, record.user, record.caller, record.callee, record.users],
      ['200', '100', '100', '200', '100', ['200', '100']],
    );
    assert.deepEqual(
      record.legs.filter((l) => l.answeredAt !== undefined && l.party === 'callee').map((l) => l.device),
      ['1001', '1002'],
    );
    assert.deepEqual(
      record.flips.map((f) => [f.kind, f.from, f.to, f.by, f.result]),
      [['pull', '1001', '1002', '1002', 'moved']],
    );
    assert.equal(record.endedBy, 'caller');
    assert.ok(
      (record.answeredAt ?? 0) >= record.startedAt && record.endedAt >= (record.answeredAt ?? 0) + 1500,
    );
    assert.ok(record.legs.every((leg) => leg.endedAt !== undefined && leg.ended !== undefined));
  });

  /** Calls to 100 go to a mobile. */
  const forwarding = async (confirm = false) => {
    await world.directory.putTrunk({
      id: 't1',
      domain: 'pbx.test',
      name: 'lab',
      host: '203.0.113.5',
      transport: 'udp',
      register: false,
    });
    const then = { kind: 'forward', to: '+491701234567', confirm } as const;
    const owner = { domain: 'pbx.test', kind: 'user', id: 'u100' } as const;
    const rule = { id: 'away', name: 'Away', enabled: true, when: [], then, changedAt: 0, changedBy: '100' };
    await world.routing.putRouting({ owner, rules: [rule], profiles: [] });
    await world.routing.putPolicy({
      domain: 'pbx.test',
      mayForwardOutside: 'all',
      country: 'DE',
      countries: 'all',
      blockedPrefixes: [],
      exceptions: [],
      protectedNumbers: [],
      confirmMobiles: false,
      concurrentForwards: 5,
      forwardsPerHour: 60,
      suppressInCall: false,
    });
  };

  it('S3-16 S1-53 a transfer changes whose call it is', async () => {
    const { far, desk } = await talking();
    await desk.send('REFER', '', { 'Refer-To': '<sip:300@pbx.test>' });
    await settle();
    world.at('3001').answer();
    await settle();
    far.dialog.hangUp();
    const record = await theRecord();
    assert.deepEqual([record.to, record.user, record.callee], ['100', '300', '300']);
    assert.deepEqual(new Set(record.users), new Set(['100', '200', '300']));
  });

  it('S2-70 a missed call is the called user’s, with every device that rang and why it ended', async () => {
    const far = await world.dial('2001', '100');
    for (const extension of ['1001', '1002', '1003']) world.at(extension).ring();
    await settle();
    far.cancel();
    await settle();
    const record = await theRecord();
    assert.deepEqual([record.user, record.answeredAt, record.endedBy], ['100', undefined, 'caller']);
    assert.ok(record.ringingAt !== undefined && record.users.includes('100'));
    assert.deepEqual(
      record.legs.filter((l) => l.party === 'callee').map((l) => l.device),
      ['1001', '1002', '1003'],
    );
  });

  it('S2-71 has the decision that made it ring there', async () => {
    const { far } = await talking();
    far.dialog.hangUp();
    assert.match((await theRecord()).decisions.join(), /100/);
  });

  it('S2-12 S2-71 a call that was forwarded outside: still the called user’s, with where to and what led there', async () => {
    await forwarding();
    const far = await world.dial('2001', '100');
    world.at('+491701234567').answer();
    await settle();
    far.dialog.hangUp();
    const record = await theRecord();
    assert.deepEqual([record.user, record.callee, record.caller], ['100', '100', '200']);
    assert.deepEqual(
      record.legs.filter((l) => l.party === 'callee').map((l) => [l.trunk, l.number, l.forwarded]),
      [['lab', '+491701234567', 'outside']],
    );
    assert.deepEqual(
      record.trace?.map(({ rule, taken, forward, result }) => [rule?.id, taken, forward?.kind, result]),
      [
        ['away', true, undefined, undefined],
        [undefined, undefined, 'outside', undefined],
        [undefined, undefined, undefined, undefined],
        [undefined, undefined, undefined, 'answered'],
      ],
    );
    assert.equal(record.decisions.length, record.trace?.length);
  });

  it('S2-28 a mailbox that answered and did not confirm: nobody has answered', async () => {
    await forwarding(true);
    const far = await world.dial('2001', '100');
    world.at('+491701234567').answer();
    await settle();
    far.cancel();
    await settle();
    const record = await theRecord();
    assert.equal(record.answeredAt, undefined);
    assert.ok(record.legs.every((leg) => leg.answeredAt === undefined));
    assert.equal(record.user, '100');
  });

  it('a flip that the end of the call cut off is a failed one', async () => {
    const { far, desk } = await talking();
    const [call] = world.core.listCalls({ domain: 'pbx.test', admin: true });
    world.core.flipCall(call?.id ?? '', { device: '1002' }, { domain: 'pbx.test', admin: true });
    await settle();
    world.at('1002').ring();
    far.dialog.hangUp();
    desk.hangUp();
    await settle();
    const { flips } = await theRecord();
    assert.deepEqual(
      flips.map((f) => f.result),
      ['failed'],
    );
  });
});

describe('media watch', () => {
  const said: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  const engineSaying = (replies: Readonly<Record<string, object>>): MediaEngine => ({
    alive: true,
    close: () => undefined,
    command: async (name, fields) => {
      said.push({ name, fields });
      return { result: 'ok', ...replies[name] };
    },
  });
  const statistics = (tag: string, ssrc: number) => ({
    SSRC: {
      [ssrc]: {
        'cumulative loss': 10,
        'average MOS': { MOS: 42, 'round-trip time': 12_345, jitter: 3, 'packet loss': 1, samples: 2 },
      },
    },
    tags: { [tag]: { medias: [{ type: 'audio', streams: [{ SSRC: ssrc, stats: { packets: 990 } }] }] } },
  });
  beforeEach(() => said.splice(0));

  it('reads quality by leg from the reply to delete, legs that went before included', async () => {
    const replies: Record<string, object> = { delete: statistics('old', 1) };
    const watch = new MediaWatch(engineSaying(replies));
    await watch.command('delete', { 'call-id': 'c', 'from-tag': 'old' });
    replies['delete'] = { ...statistics('new', 2), recording: '/r/c.wav' };
    const deleted = watch.command('delete', { 'call-id': 'c' });
    const quality = await watch.qualityOf('c');
    await deleted;
    assert.deepEqual(
      [...(quality?.legs ?? [])],
      ['old', 'new'].map((tag) => [
        tag,
        { packets: 990, lost: 10, lossPercent: 1, jitterMs: 3, roundTripMs: 12.3, mos: 4.2 },
      ]),
    );
    assert.equal(quality?.recording, '/r/c.wav');
    await settle();
    assert.equal(await watch.qualityOf('c'), undefined);
  });

  it('asks before it deletes, until an engine has been seen to say it all then', async () => {
    const replies = { query: statistics('a', 1), delete: statistics('a', 1) };
    const watch = new MediaWatch(engineSaying(replies));
    for (const id of ['first', 'second']) await watch.command('delete', { 'call-id': id });
    assert.deepEqual(
      said.map((s) => s.name),
      ['query', 'delete', 'delete'],
    );
  });

  it('asks before each delete where an engine says nothing then', async () => {
    const watch = new MediaWatch(engineSaying({ query: statistics('a', 1) }));
    const begun = watch.command('delete', { 'call-id': 'begun' });
    assert.equal((await watch.qualityOf('begun'))?.legs.get('a')?.packets, 990);
    await begun;
    said.splice(0);
    await watch.command('delete', { 'call-id': 'first' });
    const deleted = watch.command('delete', { 'call-id': 'second' });
    const quality = await watch.qualityOf('second');
    await deleted;
    assert.deepEqual(
      said.map((s) => s.name),
      ['query', 'delete', 'query', 'delete'],
    );
    assert.equal(quality?.legs.get('a')?.packets, 990);
  });

  it('an engine that fails costs the figures and nothing else', async () => {
    const watch = new MediaWatch({
      alive: false,
      close: () => undefined,
      command: () => Promise.reject(new Error('gone')),
    });
    const deleted = watch.command('delete', { 'call-id': 'c' });
    const quality = watch.qualityOf('c');
    await assert.rejects(deleted, /gone/);
    assert.equal(await quality, undefined);
  });
});
