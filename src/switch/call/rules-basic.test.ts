import assert from 'node:assert/strict';
import { settle } from '../testing/world.ts';
import {
  after,
  customer,
  forward,
  mobile,
  Office,
  ownerOf,
  ring,
  routingSettings,
  rule,
  unanswered,
} from './rules-kit.test.ts';

describe('rules in calls: each kind that there is (S2-47)', () => {
  let office: Office;
  beforeEach(async () => {
    office = await Office.open();
  });
  afterEach(() => office.close());

  it('S2-01 S2-02 S2-13 always: the other extension rings, the own phones stay silent', async () => {
    await office.rules('100', [rule([], forward('200'))]);
    const caller = await office.customer();
    assert.deepEqual(office.sent, ['2001', '2002', '2003']);
    office.at('2002').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.match(office.decisions(), /rule "rule r\d+" taken: always/);
    assert.match(office.decisions(), /forwarded to 200, inside/);
    assert.match(office.decisions(), /answered by 2002/);
  });

  it('S2-04 by the public number and by the extension alike', async () => {
    await office.rules('100', [rule([], forward('200'))]);
    const inside = await office.world.dial('2003', '100');
    assert.deepEqual(office.called(), ['2001', '2002'], 'who calls does not ring');
    inside.cancel();
    await office.customer('+4930555100');
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
  });

  it('S2-14 busy: who talks is not rung, the call goes on at once', async () => {
    await office.rules('100', [rule([after('busy')], forward('200'))]);
    await office.addUser('300', '3001');
    const first = await office.world.dial('3001', '100');
    office.at('1001').answer();
    await settle();
    assert.equal(first.final?.status, 200);
    office.called();
    await office.customer();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
  });

  it('S2-14 busy: a phone that says so', async () => {
    await office.rules('100', [rule([after('busy')], forward('200'))]);
    await office.customer();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    const again = await office.customer();
    for (const device of ['1001', '1002', '1003']) office.at(device).fail(486);
    await settle();
    assert.deepEqual(office.called().slice(3), ['2001', '2002', '2003']);
    again.cancel();
  });

  it('S2-07 S2-15 S2-42 no answer: after exactly so many seconds, not one sooner', async () => {
    await office.rules('100', [rule([unanswered(15)], forward('200'))]);
    const caller = await office.customer();
    office.ringing();
    office.clock.advance(14_999);
    await settle();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    office.clock.advance(1);
    await settle();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    assert.equal(caller.answered, false);
  });

  it('S2-03 S2-16 not reachable: nobody is registered, and the rule is taken at once', async () => {
    for (const device of ['1001', '1002', '1003']) await office.world.bindings.removeDevice(`d${device}`);
    await office.rules('100', [rule([after('not-reachable')], forward('200'))]);
    await office.customer();
    assert.deepEqual(office.sent, ['2001', '2002', '2003']);
  });

  it('S2-16 not reachable: phones that are registered and never say a word', async () => {
    await office.rules('100', [rule([after('not-reachable')], forward('200'))]);
    await office.customer();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    office.clock.advance(60_000);
    await settle();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
  });

  it('X12 S0-46 a cold target that is away: the not-reachable rule at once, and it joins when it registers', async () => {
    await office.world.bindings.removeDevice('d1003');
    await office.world.coldRoutes.set({ userId: 'u100', deviceId: 'd1003', setAt: 0, setBy: '1001' });
    await office.rules('100', [rule([after('not-reachable')], forward('200'))]);
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    await office.world.register('1001');
    await settle();
    assert.deepEqual(office.called(), [], 'only the cold target is meant');
    await office.world.register('1003');
    await settle();
    office.at('1003').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
  });

  it('S2-17 by who calls: one customer goes elsewhere, all others ring here', async () => {
    await office.rules('100', [rule([{ kind: 'caller', numbers: [customer] }], forward('200'))]);
    await office.customer();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    await office.customer('+4930555100', {}, '+49309999');
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
  });

  it('S2-06 S2-18 S2-36 S2-39 together: own phones, a colleague and an outside number at once', async () => {
    await office.rules('100', [rule([], ring(['100', '2001', mobile]))]);
    const caller = await office.customer();
    assert.deepEqual(office.sent, ['1001', '1002', '1003', '2001', mobile]);
    office.ringing();
    assert.deepEqual(caller.progresses, [180]);
    office.at(mobile).answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    for (const other of ['1001', '1002', '1003', '2001']) assert.ok(office.at(other).cancelled !== undefined);
  });

  it('each from its time on and for its time; who registers meanwhile joins', async () => {
    await office.rules('100', [
      rule(
        [],
        ring(
          [
            { to: '1001', seconds: 10 },
            { to: '200', afterSeconds: 5 },
          ],
          { seconds: 20 },
        ),
      ),
    ]);
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['1001']);
    office.clock.advance(4999);
    await settle();
    assert.deepEqual(office.called(), []);
    office.clock.advance(1);
    await settle();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    await office.world.addDevice('200', '2004');
    await settle();
    assert.deepEqual(office.called(), ['2004']);
    office.clock.advance(15_000);
    await settle();
    assert.equal(caller.final?.status, 480);
  });

  it('all that ring at first decline: who is to ring later is waited for', async () => {
    await office.rules('100', [rule([], ring(['1001', { to: '2001', afterSeconds: 8 }]))]);
    const caller = await office.customer();
    office.at('1001').fail(486);
    await settle();
    assert.equal(caller.answered, false);
    office.clock.advance(8000);
    await settle();
    assert.deepEqual(office.called(), ['1001', '2001']);
  });

  it('S2-16 nobody of a rule’s targets is there: the next rule has its turn at once', async () => {
    for (const device of ['2001', '2002', '2003']) await office.world.bindings.removeDevice(`d${device}`);
    await settle();
    await office.addUser('300', '3001');
    await office.rules('100', [rule([], ring(['200'])), rule([after('not-reachable')], forward('300'))]);
    await office.customer();
    assert.deepEqual(office.called(), ['3001']);
  });

  it('S2-09 S2-10 a desk phone, a browser and a mobile app behind a NAT are targets alike', async () => {
    const flows = [
      { device: '1002', protocol: 'ws', address: '198.51.100.7', port: 61_234 },
      { device: '1003', protocol: 'tls', address: '192.0.2.77', port: 40_001 },
    ] as const;
    for (const { device, ...flow } of flows) {
      await office.world.bindings.removeDevice(`d${device}`);
      await office.world.bindings.register({
        domain: 'pbx.test',
        aor: device,
        userId: 'u100',
        deviceId: `d${device}`,
        flow,
        path: [],
        callId: `register-${device}`,
        cseq: 1,
        contacts: [{ uri: `sip:${device}@10.0.0.7;transport=${flow.protocol}`, q: 1, seconds: 3600 }],
      });
    }
    await settle();
    await office.rules('100', [rule([], ring(['1001', '1002', '1003', mobile]))]);
    const caller = await office.customer();
    assert.deepEqual(office.sent, ['1001', '1002', '1003', mobile]);
    assert.match(office.at('1002').invitation.route.proxy ?? '', /198\.51\.100\.7:61234/);
    office.at('1003').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
  });

  it('S2-19 in order: one after the other, each for its time', async () => {
    await office.rules('100', [
      rule([], ring(['1001', { to: '1002', seconds: 5 }, '2001'], { order: 'in-order', seconds: 10 })),
    ]);
    await office.customer();
    await office.pass(9.75);
    assert.deepEqual(office.called(), ['1001']);
    await office.pass(0.25);
    assert.deepEqual(office.called(), ['1002']);
    await office.pass(5);
    assert.deepEqual(office.called(), ['2001']);
  });

  it('S2-08 S2-35 no answer, then the team, then the fallback of the mailbox', async () => {
    await office.close();
    office = await Office.open({ settings: routingSettings({ mailboxFallback: '300' }) });
    await office.addUser('300', '3001');
    await office.rules('100', [
      rule([unanswered(10)], forward('200', { seconds: 10 })),
      rule([after('no-answer', 'busy', 'not-reachable')], { kind: 'mailbox', of: 'own' }),
    ]);
    const caller = await office.customer();
    await office.pass(10);
    assert.deepEqual(office.sent.slice(3), ['2001', '2002', '2003']);
    await office.pass(10);
    assert.deepEqual(office.sent.slice(6), ['3001']);
    assert.match(office.decisions(), /mailbox of 100: there is none here; instead 300/);
    office.at('3001').answer();
    await settle();
    assert.equal(caller.final?.status, 200);
  });

  it('S2-24 S2-25 S2-26 S2-51 own mailbox, the target’s, a central one: until there are, whose is meant is told', async () => {
    await office.close();
    office = await Office.open({ settings: routingSettings({ mailboxFallback: '300' }) });
    await office.addUser('300', '3001');
    await office.addUser('700');
    const of = ['own', 'target', { extension: '700' }] as const;
    const meant = ['+4930555100', '200', '700'];
    for (const [i, box] of of.entries()) {
      await office.rules('100', [
        rule([], forward('200', { seconds: 5 })),
        rule([after('no-answer')], { kind: 'mailbox', of: box }),
      ]);
      const caller = await office.customer();
      await office.pass(5);
      const diversion = office.at('3001').invitation.headers['Diversion'] ?? '';
      assert.ok(diversion.startsWith(`<sip:${meant[i]}@pbx.test>;reason=no-answer;`), diversion);
      caller.cancel();
      await settle();
    }
  });

  it('busy by rule is 486, and a mailbox without fallback too; the trace says which', async () => {
    await office.rules('100', [rule([], { kind: 'busy' })]);
    assert.equal((await office.customer()).final?.status, 486);
    const ended: string[] = [];
    office.world.core.events.on('ended', (view) => ended.push(...view.decisions));
    await office.rules('100', [rule([], { kind: 'mailbox', of: 'own' })]);
    assert.equal((await office.customer()).final?.status, 486);
    assert.match(ended.join('\n'), /there is none here; instead busy/);
    assert.deepEqual(office.sent, []);
  });

  it('S2-29 one ringing throughout: a single 180, no sound of who is tried, no word of the hops', async () => {
    await office.rules('100', [rule([unanswered(10)], forward(mobile)), rule([], forward('200'))]);
    const caller = await office.customer();
    await office.pass(10);
    office.at(mobile).ring(183, 'v=0\r\n');
    await settle();
    office.at(mobile).fail(404);
    await settle();
    office.ringing();
    office.at('2001').answer();
    await settle();
    assert.deepEqual(caller.progresses, [180]);
    assert.equal(caller.final?.status, 200);
  });

  it('S2-05 a colleague who does not want to be disturbed is left out, in a rule of somebody else as well', async () => {
    await office.rules('200', [], { presence: 'do-not-disturb' });
    await office.rules('100', [rule([], ring(['1001', '200']))]);
    await office.customer();
    assert.deepEqual(office.called(), ['1001']);
    const direct = await office.customer('200');
    assert.equal(direct.final?.status, 486);
    assert.deepEqual(office.called(), []);
  });

  it('S2-30 S2-88 a number has rules of its own, before those of whom it leads to', async () => {
    await office.ownerRules(ownerOf('number', '+4930555100'), [rule([unanswered(10)], forward('200'))]);
    await office.customer();
    await office.pass(10);
    assert.deepEqual(office.called(), ['1001', '1002', '1003', '2001', '2002', '2003']);
  });

  it('S2-11 a group has rules as well; the personal rules of its members do not count in it', async () => {
    await office.world.directory.putGroup({
      id: 'g500',
      domain: 'pbx.test',
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['100'],
    });
    await office.rules('100', [rule([], forward(mobile))]);
    await office.ownerRules(ownerOf('group', 'g500'), [rule([unanswered(10)], forward('200'))]);
    await office.customer('500');
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    await office.pass(10);
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
  });

  it('S2-53 a member of a group who does not want to be disturbed is left out of it', async () => {
    const members = ['100', '200'];
    const group = { id: 'g500', domain: 'pbx.test', extension: '500', name: 'Support', members } as const;
    for (const ring of ['all', 'order'] as const) {
      await office.world.directory.putGroup({ ...group, ring });
      await office.rules('100', [], { profile: 'do-not-disturb', profiles: ['do-not-disturb'] });
      const caller = await office.customer('500');
      assert.deepEqual(office.called(), ['2001', '2002', '2003']);
      caller.cancel();
      await settle();
    }
  });

  it('S2-33 the rule removed, the number rings as before', async () => {
    await office.rules('100', [rule([], forward('200'))]);
    await office.customer();
    office.called();
    await office.rules('100', []);
    await office.customer();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
  });

  it('a CANCEL at any step ends all of it', async () => {
    await office.rules('100', [rule([unanswered(5)], forward('200')), rule([], forward(mobile))]);
    for (const seconds of [0, 3, 5, 8]) {
      const caller = await office.customer();
      await office.pass(seconds);
      caller.cancel();
      await settle();
      assert.equal(office.world.core.calls.size, 0);
      assert.equal(office.world.engine.live.size, 0);
      for (const sent of office.world.phones.sent) assert.ok(sent.cancelled !== undefined || sent.over);
      office.called();
    }
  });

  it('a redirect of a phone that rings by a rule is followed within the domain (RFC 3261 §8.1.3.4)', async () => {
    await office.rules('100', [rule([], forward('2001'))]);
    await office.customer();
    office.at('2001').fail(302, ['sip:2003@pbx.test']);
    await settle();
    assert.deepEqual(office.sent, ['2001', '2003']);
  });

  it('S2-71 the trace says as data what was looked at, what rang, and what came of it', async () => {
    const [first, second] = [
      rule([{ kind: 'caller', numbers: ['+4911'] }], forward('200')),
      rule([unanswered(10)], forward('200')),
    ];
    await office.rules('100', [first, second]);
    await office.customer();
    await office.pass(10);
    office.at('2001').answer();
    await settle();
    const { trace } = office.world.core.calls.all()[0]!.view();
    const of = (id: string) => trace.filter((entry) => entry.rule?.id === id);
    assert.deepEqual(
      of(first.id).map(({ taken, owner }) => [taken, owner]),
      [[false, '100']],
    );
    assert.equal(of(second.id).at(-1)?.taken, true);
    assert.deepEqual(
      trace.filter((entry) => entry.rang !== undefined).map(({ rang, result }) => [rang, result]),
      [
        [['1001', '1002', '1003'], 'no-answer'],
        [['2001', '2002', '2003'], 'answered'],
      ],
    );
    assert.deepEqual(trace.find((entry) => entry.forward !== undefined)?.forward, {
      to: '200',
      kind: 'inside',
    });
  });
});
