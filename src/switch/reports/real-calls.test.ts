import assert from 'node:assert/strict';
import { silentLogger } from '../../base/index.ts';
import type { CallRecord, Routing, Rule } from '../../stores/index.ts';
import { forward, mobile, Office, ownerOf, rule, unanswered } from '../call/rules-kit.test.ts';
import { RecordKeeper } from '../records/index.ts';
import { domain, settle } from '../testing/world.ts';
import {
  Answers,
  CallReport,
  ForwardingReport,
  RuleHits,
  ruleUse,
  SpikeWatch,
  suggestionsFor,
  type Spike,
} from './index.ts';

/** Reports on what the switch itself wrote down of calls, and not on records that a test made up. */
describe('reports on real calls', () => {
  let office: Office;
  let keeper: RecordKeeper;
  let watch: SpikeWatch;
  let records: CallRecord[];
  let spikes: Spike[];
  beforeEach(async () => {
    office = await Office.open();
    records = [];
    spikes = [];
    const { core, directory, clock } = office.world;
    keeper = new RecordKeeper({
      events: core.events,
      directory,
      qualityOf: async () => undefined,
      keep: (record) => records.push(record),
      log: silentLogger,
    });
    watch = new SpikeWatch({ events: core.events, clock });
    watch.events.on('spike', (spike) => spikes.push(spike));
  });
  afterEach(async () => {
    watch.close();
    keeper.close();
    await office.close();
  });

  const reportOf = <T extends { add(record: CallRecord): void }>(report: T): T => {
    for (const record of records) report.add(record);
    return report;
  };
  const calls = (by: 'user' | 'group' | 'number' | 'total') =>
    reportOf(new CallReport({ by, timeZone: 'UTC', directory: office.world.directory }))
      .items()
      .map(({ key, answered, missed, elsewhere }) => [key, answered, missed, elsewhere]);

  /** A customer calls; somebody answers after a while, and half a minute is talked. */
  const answeredBy = async (extension: string, afterSeconds: number) => {
    const caller = await office.customer();
    await office.pass(afterSeconds);
    office.at(extension).answer();
    await settle();
    await office.pass(30);
    caller.dialog.hangUp();
    await settle();
    await keeper.settled();
  };

  it('S2-66 S2-12 S2-91 a call that a rule led outside is in the volume of its owner and destination, and a hit of the rule', async () => {
    const [used, unused] = [rule([unanswered(10)], forward(mobile)), rule([], forward('200'))];
    const put = (rules: readonly Rule[]) => office.rules('100', rules);
    await put([used, unused]);
    await answeredBy(mobile, 15);
    const [row, ...others] = reportOf(new ForwardingReport('both')).items();
    assert.deepEqual(others, []);
    assert.deepEqual(row, {
      owner: '100',
      to: mobile,
      kind: 'outside',
      calls: 1,
      answered: 1,
      talkSeconds: 30,
    });
    const routing = office.world.routing.routing(ownerOf('user', 'u100')) as Routing;
    const found = ruleUse([routing], reportOf(new RuleHits()), {
      directory: office.world.directory,
      policy: office.world.routing.policy(domain),
      now: office.clock.wall(),
      lookedAt: 1000,
    });
    assert.deepEqual(
      found.map(({ rule: { id }, hits, stale, outside }) => [id, hits, stale, outside]),
      [
        [unused.id, 0, true, false],
        [used.id, 1, false, true],
      ],
    );
    // Her own phones rang first, and somebody else answered.
    assert.deepEqual(calls('user'), [['100', 0, 0, 1]]);
    assert.deepEqual(calls('total'), [['total', 1, 0, 0]]);
  });

  it('S2-70 a call that nobody took is missed by whom it rang, and by the number', async () => {
    await office.rules('100', [rule([unanswered(10)], forward('200'))]);
    const caller = await office.customer();
    await office.pass(15);
    caller.cancel();
    await settle();
    await keeper.settled();
    assert.deepEqual(calls('user'), [
      ['100', 0, 1, 0],
      ['200', 0, 1, 0],
    ]);
    assert.deepEqual(calls('number'), [['+4930555100', 0, 1, 0]]);
    const [row] = reportOf(new ForwardingReport('owner')).items();
    assert.deepEqual([row?.owner, row?.kind, row?.calls, row?.answered], ['100', 'inside', 1, 0]);
  });

  it('S2-70 a call to a group counts for the group, and for each whom it rang', async () => {
    const { directory } = office.world;
    const group = { id: 'g500', domain, extension: '500', name: 'Support' };
    await directory.putGroup({ ...group, ring: 'all', members: ['100', '200'] });
    await directory.putNumber({ domain, number: '+4930555500', target: '500' });
    const caller = await office.customer('+4930555500');
    office.ringing();
    office.at('2002').answer();
    await settle();
    caller.dialog.hangUp();
    await settle();
    await keeper.settled();
    assert.deepEqual(calls('group'), [['500', 1, 0, 0]]);
    assert.deepEqual(calls('number'), [['+4930555500', 1, 0, 0]]);
    assert.deepEqual(calls('user'), [
      ['100', 0, 0, 1],
      ['200', 1, 0, 0],
    ]);
  });

  it('S2-81 whom a caller ends up with by a rule is learned from the records', async () => {
    await office.rules('100', [rule([unanswered(5)], forward('200'))]);
    for (let i = 0; i < 4; i++) await answeredBy('2001', 8);
    const answers = reportOf(new Answers('100', 'UTC'));
    const user = { extension: '100', devices: ['1001', '1002', '1003'], timeZone: 'UTC' };
    const found = suggestionsFor(answers, user);
    const then = { kind: 'forward', to: '200' };
    assert.deepEqual(
      found.map((one) => [one.kind, one.rule.when, one.rule.then, one.statistics]),
      [
        [
          'caller to',
          [{ kind: 'caller', numbers: ['+493012345'] }],
          then,
          { calls: 4, answered: 0, supporting: 4 },
        ],
      ],
    );
  });

  it('S2-67 more calls forwarded outside than ever is told while they ring', async () => {
    await office.rules('100', [rule([], forward(mobile))]);
    await office.policy({ concurrentForwards: 100 });
    for (let i = 0; i < 10; i++) await office.customer('+4930555100', {}, `+4930123${i}`);
    office.ringing();
    assert.deepEqual(spikes, []);
    await office.customer('+4930555100', {}, '+4930999');
    office.ringing();
    assert.deepEqual(
      spikes.map(({ owner, calls: many, destinations }) => [owner, many, destinations]),
      [
        [undefined, 11, [mobile]],
        ['100', 11, [mobile]],
      ],
    );
  });
});
