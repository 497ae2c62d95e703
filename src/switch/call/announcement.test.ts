import assert from 'node:assert/strict';
import { FakeIncoming } from '../testing/fake-phones.ts';
import { settle } from '../testing/world.ts';
import { customer, lab, Office, routingSettings, rule } from './rules-kit.test.ts';

describe('announcements', () => {
  let office: Office;
  beforeEach(async () => {
    office = await Office.open({ settings: routingSettings({ announcements: '/var/lib/announcements/' }) });
    await office.rules('100', [rule([], { kind: 'announcement', file: 'closed.wav' })]);
  });
  afterEach(() => office.close());

  const played = () => office.world.engine.commands.filter((c) => c.name === 'play media');

  it('plays before any answer, for as long as the file is; nobody rings, and the call costs nobody anything', async () => {
    office.world.engine.playsMs = 7000;
    const caller = await office.customer();
    assert.deepEqual(caller.progresses, [183]);
    const [play] = played();
    assert.equal(play?.fields['file'], '/var/lib/announcements/closed.wav');
    assert.equal(play?.fields['from-tag'], office.world.core.calls.all()[0]?.caller.leg?.tag);
    office.clock.advance(6999);
    await settle();
    assert.equal(caller.answered, false);
    office.clock.advance(1);
    await settle();
    assert.equal(caller.final?.status, 480);
    assert.deepEqual(office.sent, []);
  });

  it('a caller who hangs up ends it', async () => {
    const caller = await office.customer();
    caller.cancel();
    await settle();
    assert.equal(office.world.core.calls.size, 0);
    const pending = office.clock.pending;
    office.clock.advance(120_000);
    assert.ok(office.clock.pending <= pending);
  });

  it('what cannot be played is said in the trace, and the caller is told at once', async () => {
    const traces: string[] = [];
    office.world.core.events.on('ended', (view) => traces.push(view.decisions.at(-1) ?? ''));
    const endpoint = { kind: 'trunk', trunk: lab, number: customer, name: '' } as const;
    const silent = new FakeIncoming(endpoint, '');
    office.world.send(silent, '+4930555100');
    await settle();
    assert.equal(silent.final?.status, 480);
    await office.rules('100', [rule([], { kind: 'announcement', file: '../../etc/passwd' })]);
    assert.equal((await office.customer()).final?.status, 480);
    office.world.engine.broken.add('play media');
    await office.rules('100', [rule([], { kind: 'announcement', file: 'closed.wav' })]);
    assert.equal((await office.customer()).final?.status, 480);
    assert.deepEqual(traces, [
      'announcement closed.wav not played: the caller has no sound yet',
      'announcement ../../etc/passwd not played: not the name of a file',
      'announcement closed.wav not played: the media engine could not',
    ]);
    assert.deepEqual(
      played().map((c) => c.fields['file']),
      ['/var/lib/announcements/closed.wav'],
    );
  });

  it('without a folder there are none', async () => {
    await office.close();
    office = await Office.open();
    await office.rules('100', [rule([], { kind: 'announcement', file: 'closed.wav' })]);
    assert.equal((await office.customer()).final?.status, 480);
    assert.equal(played().length, 0);
  });
});
