import assert from 'node:assert/strict';
import type { Condition } from '../../stores/index.ts';
import { fromTemplate } from '../routing/templates.ts';
import { domain, settle } from '../testing/world.ts';
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

/** Monday, 5 January 2026. */
const monday = (hour: number, minute = 0) => Date.UTC(2026, 0, 5, hour, minute);

const open = (schedule: string): Condition => ({ kind: 'time', schedule, open: true });
const closed = (schedule: string): Condition => ({ kind: 'time', schedule, open: false });
const anyResult = after('busy', 'no-answer', 'not-reachable', 'declined');

/** Extension 900 stands for the mailbox: where calls for one go while there is none. */
const mailbox = routingSettings({ mailboxFallback: '900' });

describe('whole stories of rules', () => {
  let office: Office;

  const begin = async (epoch = monday(10)) => {
    office = await Office.open({ epoch, settings: mailbox });
    await office.addUser('900', '9001');
    await office.addUser('300', '3001');
    await office.addUser('400', '4001');
  };
  const hours = (name: string, timeZone: string, from = '09:00', to = '17:00') =>
    office.world.routing.putSchedule({
      domain,
      name,
      timeZone,
      weekly: [{ days: [1, 2, 3, 4, 5], from, to }],
      holidays: [],
      dates: [],
    });
  const group = (extension: string, members: readonly string[], order: 'all' | 'order' = 'all') =>
    office.world.directory.putGroup({
      id: `g${extension}`,
      domain,
      extension,
      name: `Group ${extension}`,
      ring: order,
      members,
      memberSeconds: 10,
    });
  const press = (digit: number) => {
    const call = office.world.core.calls.all()[0]!;
    const leg = call.legs.find((l) => l.side === 'callee' && l.state === 'active');
    const event = { type: 'DTMF', callid: call.id, source_tag: leg?.tag, event: digit, duration: 100 };
    office.world.core.dtmfLog(Buffer.from(JSON.stringify(event)));
  };
  const talks = async (caller: Awaited<ReturnType<Office['customer']>>, at: string) => {
    office.at(at).answer();
    await settle();
    assert.equal(caller.final?.status, 200);
    assert.deepEqual(caller.progresses, [180], 'one ringing, whatever was tried');
  };
  afterEach(() => office.close());

  describe('S2-20 all devices by day; after hours the mobile that is on call, then the mailbox', () => {
    const rules = [
      rule([open('office')], ring(['100'], { seconds: 20 })),
      rule([closed('office')], forward(mobile, { seconds: 20, confirm: true })),
      rule([anyResult], { kind: 'mailbox', of: 'own' }),
    ];
    const start = async (hour: number, minute = 0) => {
      await begin(monday(hour, minute));
      await hours('office', 'Europe/Berlin');
      await office.rules('100', rules);
    };

    it('at ten o’clock: desk phone, mobile app and desktop app together', async () => {
      await start(10);
      const caller = await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      office.ringing();
      await talks(caller, '1002');
    });

    it('ten o’clock, nobody answers: after 20 seconds the mailbox', async () => {
      await start(10);
      const caller = await office.customer();
      await office.pass(19.75);
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      await office.pass(0.25);
      assert.deepEqual(office.called(), ['9001']);
      await talks(caller, '9001');
    });

    it('seven in the evening in Berlin: the mobile alone, who presses 1 has the call', async () => {
      await start(18);
      const caller = await office.customer();
      assert.deepEqual(office.called(), [mobile]);
      office.ringing();
      office.at(mobile).answer();
      await settle();
      assert.equal(caller.answered, false);
      press(1);
      await settle();
      assert.equal(caller.final?.status, 200);
    });

    it('the mobile’s own mailbox answers: nobody presses 1, and the call ends up in ours', async () => {
      await start(18);
      const caller = await office.customer();
      office.ringing();
      const machine = office.at(mobile).answer();
      await settle();
      await office.pass(12);
      assert.ok(!machine.up);
      assert.deepEqual(office.called(), [mobile, '9001']);
      await talks(caller, '9001');
    });

    it('the office closes at 17:00 sharp where it is, which is 16:00 UTC', async () => {
      await start(15, 59);
      await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      office.clock.advance(60_000);
      await settle();
      office.called();
      await office.customer('+4930555100', {}, '+4911');
      assert.deepEqual(office.called(), [mobile]);
    });
  });

  describe('S2-37 after hours: the team where it is day, else the answering service', () => {
    const start = async (hour: number) => {
      await begin(monday(hour));
      await hours('berlin', 'Europe/Berlin');
      await hours('new york', 'America/New_York');
      await hours('singapore', 'Asia/Singapore');
      await group('501', ['100']);
      await group('502', ['200']);
      await group('503', ['300']);
      const service = '+493099999';
      const teams = [
        { to: '501', schedule: 'berlin' },
        { to: '502', schedule: 'new york' },
        { to: '503', schedule: 'singapore' },
      ];
      const drafts = fromTemplate(
        { template: 'follow-the-sun', teams, otherwise: service, seconds: 15 },
        '+4930555100',
      );
      await office.ownerRules(
        ownerOf('number', '+4930555100'),
        drafts.map((draft) => rule(draft.when, draft.then, { name: draft.name })),
      );
    };
    const expected: readonly [hour: number, rung: readonly string[]][] = [
      [2, ['3001']],
      [9, ['1001', '1002', '1003']],
      [18, ['2001', '2002', '2003']],
      [23, ['+493099999']],
    ];
    for (const [hour, rung] of expected)
      it(`${hour}:00 UTC: ${rung.join(', ')}`, async () => {
        await start(hour);
        const caller = await office.customer();
        assert.deepEqual(office.called(), rung);
        office.ringing();
        await talks(caller, rung[0] ?? '');
      });
  });

  describe('S2-45 fifteen seconds the primary, fifteen the backup, then the escalation queue', () => {
    const start = async (epoch = monday(3)) => {
      await begin(epoch);
      await group('600', ['300', '400'], 'order');
      const drafts = fromTemplate(
        {
          template: 'on-call-rotation',
          people: ['100', '200'],
          days: 7,
          start: '2026-01-05',
          timeZone: 'Europe/Berlin',
          seconds: 15,
          escalation: '600',
        },
        '+4930555100',
      );
      await office.ownerRules(
        ownerOf('number', '+4930555100'),
        drafts.map((draft) => rule(draft.when, draft.then, { name: draft.name })),
      );
    };

    it('to the second: nobody answers before the queue does', async () => {
      await start();
      const caller = await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      await office.pass(14.75);
      assert.deepEqual(office.called(), []);
      await office.pass(0.25);
      assert.deepEqual(office.called(), ['2001', '2002', '2003']);
      await office.pass(14.75);
      assert.deepEqual(office.called(), []);
      await office.pass(0.25);
      assert.deepEqual(office.called(), ['3001'], 'the queue rings one after the other');
      await office.pass(10);
      assert.deepEqual(office.called(), ['4001']);
      await talks(caller, '4001');
    });

    it('the backup answers in the last second', async () => {
      await start();
      const caller = await office.customer();
      await office.pass(29.75);
      await talks(caller, '2003');
    });

    it('the primary declines: the backup rings at once', async () => {
      await start();
      await office.customer();
      office.called();
      for (const device of ['1001', '1002', '1003']) office.at(device).fail(486);
      await settle();
      assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    });

    it('S2-32 a week later it is the other one’s turn, under the same number', async () => {
      await start(monday(3) + 7 * 86_400_000);
      await office.customer();
      assert.deepEqual(office.called(), ['2001', '2002', '2003']);
      await office.pass(15);
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    });
  });

  describe('patterns', () => {
    const apply = async (drafts: ReturnType<typeof fromTemplate>) =>
      office.rules(
        '100',
        drafts.map((draft) => rule(draft.when, draft.then, { name: draft.name })),
      );

    it('S2-54 default: desk and softphone together, then the mailbox', async () => {
      await begin();
      await apply(fromTemplate({ template: 'default', seconds: 25 }, '100'));
      const caller = await office.customer();
      assert.deepEqual(office.called(), ['1001', '1002', '1003']);
      await office.pass(24.75);
      assert.deepEqual(office.called(), []);
      await office.pass(0.25);
      assert.deepEqual(office.called(), ['9001']);
      await talks(caller, '9001');
    });

    it('S2-55 S2-41 field staff: the mobile app, then the mobile, then central dispatch', async () => {
      await begin();
      const parameters = { app: '1002', mobile, dispatch: '300', seconds: 12 } as const;
      await apply(fromTemplate({ template: 'field-staff', ...parameters }, '100'));
      const caller = await office.customer();
      assert.deepEqual(office.called(), ['1002']);
      await office.pass(12);
      assert.deepEqual(office.called(), [mobile]);
      // Its mailbox answers, and does not get the caller.
      const machine = office.at(mobile).answer();
      await settle();
      await office.pass(12);
      assert.ok(!machine.up);
      assert.deepEqual(office.called(), ['3001']);
      await talks(caller, '3001');
    });

    it('S2-56 executives: the assistant, then in person, then the team, then the mailbox', async () => {
      await begin();
      await group('500', ['300', '400']);
      const parameters = { assistant: '200', team: '500', seconds: 10 } as const;
      await apply(fromTemplate({ template: 'executive', ...parameters }, '100'));
      const caller = await office.customer();
      for (const rung of [['2001', '2002', '2003'], ['1001', '1002', '1003'], ['3001', '4001'], ['9001']]) {
        assert.deepEqual(office.called(), rung);
        if (rung[0] !== '9001') await office.pass(10);
      }
      await talks(caller, '9001');
    });
  });

  it('S2-75 by day desk phone and softphone; on travel days the mobile app first', async () => {
    await begin();
    const rules = [
      rule([], ring(['1001', '1003'], { seconds: 20 }), { profiles: ['office'] }),
      rule([], ring(['1002', { to: '1001', afterSeconds: 10 }], { seconds: 20 }), { profiles: ['travel'] }),
    ];
    const profiles = ['office', 'travel'];
    await office.rules('100', rules, { profiles, profile: 'office' });
    const first = await office.customer();
    assert.deepEqual(office.called(), ['1001', '1003']);
    first.cancel();
    await settle();
    // On the way to the airport, from the mobile app: profile 2.
    const code = await office.world.dial('1002', '*602');
    await office.world.pass(1000);
    assert.equal(code.final?.status, 200);
    office.called();
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['1002']);
    await office.pass(10);
    assert.deepEqual(office.called(), ['1001']);
    await talks(caller, '1002');
  });

  it('S2-76 S2-64 presenting or in a video call: voice calls go to the assistant', async () => {
    await begin();
    const presence = (is: 'meeting' | 'in-call'): Condition => ({ kind: 'presence', is: [is] });
    const rules = [rule([presence('meeting')], forward('200')), rule([presence('in-call')], forward('300'))];
    await office.rules('100', rules, { presence: 'meeting' });
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    office.ringing();
    await talks(caller, '2001');
    caller.dialog.hangUp();
    await settle();
    await office.rules('100', rules, { presence: 'available' });
    await office.customer();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    office.at('1001').answer();
    await settle();
    await office.customer('+4930555100', {}, '+4911');
    assert.deepEqual(office.called(), ['3001'], 'in a call now');
  });

  it('S2-77 out of office: no device of one’s own rings, the backup role does', async () => {
    await begin();
    const away: Condition = { kind: 'presence', is: ['out-of-office'] };
    await group('500', ['300', '400']);
    await office.rules('100', [rule([away], forward('500')), rule([unanswered(20)], forward(mobile))], {
      presence: 'out-of-office',
    });
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['3001', '4001']);
    office.ringing();
    await talks(caller, '4001');
  });

  it('S2-38 S2-40 key customers reach their account manager although the main queue is busy', async () => {
    await begin();
    await group('500', ['200']);
    await office.world.routing.putCallerList({ domain, name: 'key accounts', numbers: [customer] });
    await office.ownerRules(ownerOf('number', '+4930555100'), [
      rule([{ kind: 'caller', lists: ['key accounts'] }], forward('300')),
      rule([], forward('500')),
    ]);
    await office.customer('+4930555100', {}, '+4911');
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    office.at('2001').answer();
    await settle();
    const vip = await office.customer();
    assert.deepEqual(office.called(), ['3001']);
    office.ringing();
    await talks(vip, '3001');
  });

  it('S2-43 S2-58 S2-59 S2-60 the main number: its queue, the other site, the answering service', async () => {
    await begin();
    await group('500', ['100']);
    await group('501', ['200']);
    await office.ownerRules(ownerOf('number', '+4930555100'), [
      rule([], forward('500', { seconds: 15 })),
      rule([anyResult], forward('501', { seconds: 15 })),
      rule([anyResult], forward('+493099999')),
    ]);
    // The first site is gone altogether.
    for (const device of ['1001', '1002', '1003']) await office.world.bindings.removeDevice(`d${device}`);
    await settle();
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['2001', '2002', '2003']);
    await office.pass(15);
    assert.deepEqual(office.called(), ['+493099999']);
    await talks(caller, '+493099999');
  });

  it('S2-53 do not disturb by code, and its end; a device that is not trusted may not', async () => {
    await begin();
    await office.rules('100', [rule([after('busy')], forward('200'))]);
    const dial = async (from: string, code: string) => {
      const incoming = await office.world.dial(from, code);
      await office.world.pass(1000);
      office.called();
      return incoming.final?.status;
    };
    assert.equal(await dial('1001', '*78'), 200);
    (await office.customer()).cancel();
    assert.deepEqual(office.called(), ['2001', '2002', '2003'], 'as if busy');
    assert.equal(await dial('1002', '*79'), 200);
    (await office.customer()).cancel();
    assert.deepEqual(office.called(), ['1001', '1002', '1003']);
    await office.world.addDevice('100', '1009', { trusted: false });
    assert.equal(await dial('1009', '*78'), 403);
    assert.equal(await dial('1001', '*609'), 404);
    assert.equal(await dial('1001', '*600'), 200);
  });

  it('X12 a cold target that is away and no rule: the mailbox, where there is one; it joins when it registers', async () => {
    await begin();
    await office.world.bindings.removeDevice('d1003');
    await settle();
    await office.world.coldRoutes.set({ userId: 'u100', deviceId: 'd1003', setAt: 0, setBy: '1001' });
    const caller = await office.customer();
    assert.deepEqual(office.called(), ['9001']);
    await office.world.register('1003');
    await settle();
    assert.deepEqual(office.called(), ['1003']);
    office.ringing();
    await talks(caller, '1003');
  });
});
