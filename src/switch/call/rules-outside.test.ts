import assert from 'node:assert/strict';
import { FakeIncoming, phoneSdp } from '../testing/fake-phones.ts';
import { settle } from '../testing/world.ts';
import { after, customer, forward, lab, mobile, Office, ring, rule, unanswered } from './rules-kit.test.ts';

describe('rules that lead outside', () => {
  let office: Office;
  beforeEach(async () => {
    office = await Office.open();
  });
  afterEach(() => office.close());

  const header = (to: string, name: string) => office.at(to).invitation.headers[name] ?? '';
  /** Everything that has been told to who called. */
  const toldTo = (incoming: object) => JSON.stringify(incoming);
  /** A digit that the media engine heard from who answered there. */
  const press = (digit: string) => {
    const call = office.world.core.calls.all()[0]!;
    const leg = call.legs.find(
      (l) => l.endpoint.kind === 'trunk' && l.side === 'callee' && l.state === 'active',
    );
    const event = {
      type: 'DTMF',
      callid: call.id,
      source_tag: leg?.tag,
      event: Number(digit),
      duration: 100,
    };
    office.world.core.dtmfLog(Buffer.from(JSON.stringify(event)));
  };
  const commands = (name: string) => office.world.engine.commands.filter((c) => c.name === name);

  describe('who is shown as the caller', () => {
    it('S2-21 S2-50 the original number, where nothing else is said', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer();
      assert.match(header(mobile, 'From'), /\+493012345@/);
      assert.match(header(mobile, 'P-Asserted-Identity'), /\+493012345@/);
    });

    it('S2-22 the main number, outside and inside', async () => {
      await office.rules('100', [rule([], ring([mobile, '200'], { caller: { show: 'main' } }))]);
      await office.customer();
      assert.match(header(mobile, 'From'), /\+49305550@/);
      assert.match(header('2001', 'From'), /\+49305550@/);
      assert.ok(!JSON.stringify(office.at('2001').invitation.headers).includes('493012345'));
    });

    it('S2-23 a prefix, before the name', async () => {
      const caller = { show: 'prefix', prefix: 'Sales: ' } as const;
      await office.rules('100', [rule([], ring([mobile, '200'], { caller }))]);
      await office.customer();
      assert.match(header('2001', 'From'), /^"Sales: Customer" <sip:\+493012345@/);
      assert.match(header(mobile, 'From'), /^"Sales: Customer" /);
    });

    it('a number that the caller withholds is shown to nobody by a prefix', async () => {
      const caller = { show: 'prefix', prefix: 'Sales: ' } as const;
      await office.rules('100', [rule([], forward('200', { caller }))]);
      await office.customer('+4930555100', { Privacy: 'id' });
      assert.ok(!JSON.stringify(office.at('2001').invitation.headers).includes('493012345'));
    });
  });

  it('S2-31 S2-44 the private number is nowhere in what the customer is told', async () => {
    await office.rules('100', [rule([], forward(mobile))]);
    const caller = await office.customer();
    office.at(mobile).ring();
    const far = office.at(mobile).answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.match(caller.final?.headers?.['P-Asserted-Identity'] ?? '', /100/);
    for (const text of [toldTo(caller.final ?? {}), toldTo(caller.dialog.requests)])
      assert.ok(!text.includes('1701234567'), text);
    far.hangUp();
    await settle();
    assert.ok(!toldTo([caller.dialog.bye_]).includes('1701234567'));
  });

  it('S2-31 nor when it refuses, whatever it says of itself', async () => {
    await office.rules('100', [rule([], forward(mobile))]);
    const caller = await office.customer();
    office.world.phones.sent.at(-1)?.listener.failed({
      status: 404,
      reason: 'No route to 01701234567',
      contacts: ['sip:+491701234567@elsewhere.example'],
    });
    await settle();
    assert.equal(caller.final?.status, 480);
    assert.ok(!JSON.stringify(caller.final).includes('1701234567'));
  });

  it('S2-12 what was forwarded inside and outside is told apart', async () => {
    await office.rules('100', [rule([], forward(mobile)), rule([after('busy')], forward('200'))]);
    await office.customer();
    office.at(mobile).fail(486);
    await settle();
    office.at('2001').answer();
    await settle();
    const { legs, trace } = office.world.core.calls.all()[0]!.view();
    assert.deepEqual(
      legs.filter((l) => l.party === 'callee').map((l) => [l.number ?? l.device, l.forwarded]),
      [
        [mobile, 'outside'],
        ['2001', 'inside'],
        ['2002', 'inside'],
        ['2003', 'inside'],
      ],
    );
    assert.deepEqual(
      trace.flatMap((entry) => (entry.forward === undefined ? [] : [entry.forward])),
      [
        { to: mobile, kind: 'outside' },
        { to: '200', kind: 'inside' },
      ],
    );
  });

  describe('call confirm', () => {
    const confirming = () => office.rules('100', [rule([], forward(mobile, { confirm: true }))]);

    it('S2-27 who answers hears a question, the caller goes on hearing it ring; 1 connects them', async () => {
      await confirming();
      const caller = await office.customer();
      office.at(mobile).ring();
      const far = office.at(mobile).answer();
      await settle();
      assert.equal(caller.answered, false);
      const leg = office.world.core.calls.all()[0]!.legs.at(-1)!;
      assert.deepEqual(
        commands('play media').map((c) => c.fields['from-tag']),
        [leg.tag],
        'nobody but who answered hears the question',
      );
      press('1');
      await settle();
      assert.equal(caller.final?.status, 200);
      assert.ok(far.up);
      assert.equal(office.world.core.calls.all()[0]?.phase, 'talking');
    });

    it('until then the media engine has connected it with nobody', async () => {
      await confirming();
      await office.customer();
      office.at(mobile).answer();
      await settle();
      const call = office.world.core.calls.all()[0]!;
      const callerTag = call.caller.leg!.tag;
      const told = office.world.engine.commands.filter((c) => c.name === 'offer' || c.name === 'answer');
      assert.ok(told.every((c) => c.fields['from-tag'] !== callerTag && c.fields['to-tag'] !== callerTag));
      press('1');
      await settle();
      const connected = office.world.engine.commands.findLast((c) => c.name === 'answer');
      assert.deepEqual(
        [connected?.fields['from-tag'], connected?.fields['to-tag']],
        [callerTag, call.callee.leg?.tag],
      );
    });

    it('S2-28 no key: its leg is ended, and the next rule has its turn', async () => {
      await office.rules('100', [
        rule([], forward(mobile, { confirm: true })),
        rule([after('no-answer')], forward('200')),
      ]);
      const caller = await office.customer();
      const mailbox = office.at(mobile).answer();
      await settle();
      office.clock.advance(11_999);
      await settle();
      assert.ok(mailbox.up);
      office.clock.advance(1);
      await settle();
      assert.deepEqual(mailbox.bye_, { cause: 480, text: 'Not confirmed' });
      assert.deepEqual(office.sent.slice(1), ['2001', '2002', '2003']);
      assert.equal(caller.answered, false);
    });

    it('2 is no, and any other key is nothing', async () => {
      await confirming();
      const caller = await office.customer();
      const far = office.at(mobile).answer();
      await settle();
      press('5');
      await settle();
      assert.ok(far.up);
      press('2');
      await settle();
      assert.ok(!far.up);
      assert.equal(caller.final?.status, 480);
    });

    it('by SIP INFO as well', async () => {
      await confirming();
      const caller = await office.customer();
      const far = office.at(mobile).answer();
      await settle();
      const { status } = await far.send('INFO', 'Signal=1\r\nDuration=160\r\n', {
        'Content-Type': 'application/dtmf-relay',
      });
      await settle();
      assert.equal(status, 200);
      assert.equal(caller.final?.status, 200);
    });

    it('S2-62 a mobile must confirm where the policy says so, whatever the rule says', async () => {
      await office.policy({ confirmMobiles: true });
      await office.rules('100', [rule([], ring([mobile, '+493077777'], { confirm: false }))]);
      const caller = await office.customer();
      office.at(mobile).answer();
      await settle();
      assert.equal(caller.answered, false);
      office.at('+493077777').answer();
      await settle();
      assert.equal(caller.final?.status, 200, 'a number that is no mobile is put through at once');
    });

    it('the others ring on meanwhile; one that answers has the call, and who was asked gets a BYE', async () => {
      await office.policy({ confirmMobiles: true });
      await office.rules('100', [rule([], ring(['100', mobile]))]);
      const caller = await office.customer();
      const asked = office.at(mobile).answer();
      await settle();
      assert.equal(office.at('1001').cancelled, undefined);
      office.at('1002').answer();
      await settle();
      assert.equal(caller.final?.status, 200);
      assert.deepEqual(asked.bye_, { cause: 200, text: 'Call completed elsewhere' });
    });

    it('who is asked hangs up: the call goes on', async () => {
      await office.rules('100', [
        rule([], forward(mobile, { confirm: true })),
        rule([after('no-answer')], forward('200')),
      ]);
      await office.customer();
      const far = office.at(mobile).answer();
      await settle();
      far.hangUp();
      await settle();
      assert.deepEqual(office.sent.slice(1), ['2001', '2002', '2003']);
    });

    it('the ring time is over while somebody is asked: the answer is waited for', async () => {
      await office.policy({ confirmMobiles: true });
      await office.rules('100', [rule([], ring(['100', mobile], { seconds: 10 }))]);
      const caller = await office.customer();
      office.clock.advance(9000);
      office.at(mobile).answer();
      await settle();
      office.clock.advance(5000);
      await settle();
      assert.ok(office.at('1001').cancelled !== undefined);
      press('1');
      await settle();
      assert.equal(caller.final?.status, 200);
    });

    it('the caller gives up while somebody is asked: nothing is left, and no timer', async () => {
      await confirming();
      const caller = await office.customer();
      const far = office.at(mobile).answer();
      await settle();
      caller.cancel();
      await settle();
      assert.ok(!far.up);
      assert.equal(office.world.core.calls.size, 0);
      assert.equal(office.world.engine.live.size, 0);
    });

    it('an own device inside may be asked as well', async () => {
      await office.rules('100', [rule([], ring(['200'], { confirm: true }))]);
      const caller = await office.customer();
      office.at('2001').answer();
      await settle();
      assert.equal(caller.answered, false);
      const call = office.world.core.calls.all()[0]!;
      const leg = call.legs.find((l) => l.state === 'active')!;
      const event = { type: 'DTMF', callid: call.id, source_tag: leg.tag, event: 1, duration: 100 };
      office.world.core.dtmfLog(Buffer.from(JSON.stringify(event)));
      await settle();
      assert.equal(caller.final?.status, 200);
    });

    it('a caller whose INVITE had no offer is connected by its ACK (RFC 3264 §4)', async () => {
      await confirming();
      const incoming = new FakeIncoming({ kind: 'trunk', trunk: lab, number: customer, name: '' }, '');
      incoming.acks = phoneSdp(4000);
      office.world.send(incoming, '+4930555100');
      await settle();
      office.at(mobile).answer();
      await settle();
      press('1');
      await settle();
      assert.equal(incoming.final?.status, 200);
      assert.equal(office.world.core.calls.all()[0]?.phase, 'talking');
    });
  });

  describe('circles (S2-65)', () => {
    it('A to B and B to A: the caller is not bounced, B rings', async () => {
      await office.rules('100', [rule([], forward('200'))]);
      await office.rules('200', [rule([], forward('100'))]);
      const caller = await office.customer();
      assert.deepEqual(office.sent, ['2001', '2002', '2003']);
      assert.match(office.decisions(), /not to 100: the call comes from there/);
      office.at('2001').answer();
      await settle();
      assert.equal(caller.final?.status, 200);
    });

    it('to somebody a second time is no circle', async () => {
      await office.rules('100', [
        rule([], forward('200', { seconds: 5 })),
        rule([], ring(['1001'], { seconds: 5 })),
        rule([], forward('200')),
      ]);
      await office.customer();
      await office.pass(10);
      assert.deepEqual(office.called(), ['2001', '2002', '2003', '1001', '2001', '2002', '2003']);
    });

    it('to oneself is nothing: the own phones ring', async () => {
      await office.rules('100', [rule([], forward('100')), rule([], forward('+4930555100'))]);
      await office.customer();
      assert.deepEqual(office.sent, ['1001', '1002', '1003']);
    });

    it('S2-89 so many steps and no more', async () => {
      for (let n = 0; n < 30; n++) await office.addUser(String(600 + n));
      for (let n = 0; n < 29; n++) await office.rules(String(600 + n), [rule([], forward(String(601 + n)))]);
      await office.rules('100', [rule([], forward('600'))]);
      const traces: string[] = [];
      office.world.core.events.on('ended', (view) => traces.push(...view.decisions));
      const caller = await office.customer();
      assert.equal(caller.final?.status, 480);
      assert.match(traces.join('\n'), /given up after 16 steps/);
    });

    it('S2-89 so many seconds and no more, to the second', async () => {
      const again = [1, 2, 3].map(() => rule([after('no-answer')], ring(['200'], { seconds: 70 })));
      await office.rules('100', [rule([], ring(['200'], { seconds: 70 })), ...again]);
      const caller = await office.customer();
      await office.pass(179);
      assert.equal(caller.answered, false);
      await office.pass(1.25);
      assert.equal(caller.final?.status, 480);
    });

    it('through a trunk: what was forwarded from here before is not forwarded outside again (RFC 5806)', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer('+4930555100', {
        Diversion: '<sip:+4930555100@pbx.test>;reason=unconditional;counter=1',
      });
      assert.deepEqual(office.sent, ['1001', '1002', '1003']);
      assert.match(office.decisions(), /not outside: the call has been forwarded from here before/);
    });

    it('the same by History-Info (RFC 7044)', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer('+4930555100', {
        'History-Info':
          '<sip:+4930555100@pbx.test>;index=1, <sip:+49170@x;cause=302>;index=1.1, <sip:+4930555100@pbx.test>;index=1.1.1',
      });
      assert.deepEqual(office.sent, ['1001', '1002', '1003']);
    });

    it('a carrier that drops both: the same caller comes back while that call still rings', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer();
      assert.deepEqual(office.called(), [mobile]);
      await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      await office.customer('+4930555100', {}, '+49309999');
      assert.deepEqual(office.called(), [mobile], 'another caller is another call');
    });

    it('a call that went through five forwardings goes outside no more', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer('+4930555100', { Diversion: '<sip:+4989@x.example>;reason=unknown;counter=5' });
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      await office.customer('+4930555100', { Diversion: '<sip:+4989@x.example>;counter=1' }, '+4911');
      assert.deepEqual(office.called(), [mobile]);
    });

    it('Max-Forwards goes on counting (RFC 3261 §16.6)', async () => {
      await office.rules('100', [rule([], forward(mobile))]);
      await office.customer('+4930555100', { 'Max-Forwards': '7' });
      assert.equal(header(mobile, 'Max-Forwards'), '6');
    });
  });

  it('says who forwards, by the public number, and why: Diversion and History-Info', async () => {
    await office.rules('100', [rule([unanswered(10)], forward(mobile))]);
    await office.customer('+4930555100', { Diversion: '<sip:+4989@x.example>;reason=user-busy;counter=1' });
    await office.pass(10);
    assert.equal(
      header(mobile, 'Diversion'),
      '<sip:+4930555100@pbx.test>;reason=no-answer;counter=1, <sip:+4989@x.example>;reason=user-busy;counter=1',
    );
    assert.equal(
      header(mobile, 'History-Info'),
      '<sip:+4930555100@pbx.test>;index=1, <sip:+491701234567@pbx.test;cause=408>;index=1.1;mp=1',
    );
    assert.equal(header('1001', 'Diversion'), '');
  });

  it('an own phone is told by whom the call came, and no carrier’s history', async () => {
    await office.rules('100', [rule([], forward('200'))]);
    await office.customer('+4930555100', { Diversion: '<sip:+4989@x.example>;counter=1' });
    assert.equal(header('2001', 'Diversion'), '<sip:+4930555100@pbx.test>;reason=unconditional;counter=1');
    assert.equal(header('2001', 'History-Info'), '');
  });

  describe('what the policy allows (S2-52)', () => {
    it('so many at once: the next one is not forwarded, and is again when one has ended', async () => {
      await office.policy({ concurrentForwards: 1 });
      await office.rules('100', [rule([], forward(mobile))]);
      const first = await office.customer();
      office.at(mobile).answer();
      await settle();
      office.called();
      await office.customer('+4930555100', {}, '+4911');
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      first.dialog.hangUp();
      await settle();
      await office.customer('+4930555100', {}, '+4912');
      assert.deepEqual(office.called(), [mobile]);
    });

    it('several numbers that ring for one call are one of them', async () => {
      await office.policy({ concurrentForwards: 1 });
      await office.rules('100', [rule([], ring([mobile, '+493077777']))]);
      await office.customer();
      assert.deepEqual(office.called(), [mobile, '+493077777']);
    });

    it('who is not reached does not count as one that goes on', async () => {
      await office.policy({ concurrentForwards: 1 });
      await office.rules('100', [rule([], forward(mobile))]);
      for (const number of ['+4911', '+4912', '+4913']) {
        const caller = await office.customer('+4930555100', {}, number);
        assert.deepEqual(office.called(), [mobile]);
        caller.cancel();
        await settle();
      }
    });

    it('S2-61 S2-49 a blocked country is refused when the rule is carried out as well, and said', async () => {
      await office.policy({ countries: 'home' });
      await office.rules('100', [rule([], forward('+33123456789'))]);
      await office.customer();
      assert.deepEqual(office.sent, ['1001', '1002', '1003']);
      assert.match(office.decisions(), /refused: calls abroad \(FR\) are blocked/);
    });

    it('S2-64 nothing goes outside while in a call, where the policy says so', async () => {
      await office.policy({ suppressInCall: true });
      await office.rules('100', [rule([], forward(mobile))]);
      const own = await office.world.dial('1001', '200');
      office.at('2001').answer();
      await settle();
      assert.equal(own.final?.status, 200);
      office.called();
      await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    });
  });

  it('several gateways: one that cannot is followed by the next, within one ringing of several targets', async () => {
    await office.world.directory.putTrunk({
      ...(office.world.directory.trunk('pbx.test', 'lab') ?? assert.fail()),
      more: [{ host: '203.0.113.6' }],
    });
    await office.rules('100', [rule([], ring(['200', mobile]))]);
    const caller = await office.customer();
    const hosts = () =>
      office.world.phones.sent
        .map(({ invitation }) => invitation.route.uri)
        .filter((uri) => uri.includes('+49170'))
        .map((uri) => /@([\d.]+)/.exec(uri)?.[1]);
    assert.deepEqual(hosts(), ['203.0.113.5']);
    office.at(mobile).fail(503);
    await settle();
    assert.deepEqual(hosts(), ['203.0.113.5', '203.0.113.6']);
    office.at(mobile).answer();
    await settle();
    assert.equal(caller.final?.status, 200);
  });
});
