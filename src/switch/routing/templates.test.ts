import assert from 'node:assert/strict';
import type { RingResult, Routing, Schedule } from '../../stores/index.ts';
import { inWords as stepInWords, factsOf, routingOf, rule, walked } from './rule-kit.test.ts';
import type { RoutingFacts } from './facts.ts';
import { actionInWords, whenInWords } from './in-words.ts';
import { startWalk } from './start-walk.ts';
import { fromTemplate, type TemplateParameters } from './templates.ts';

const routing = (parameters: TemplateParameters): Routing =>
  routingOf(
    fromTemplate(parameters, '100').map((draft, i) =>
      rule(`r${i}`, draft.when, draft.then, { name: draft.name }),
    ),
  );

/** What rings, and what happens, in order, when everybody lets it ring. */
async function rung(
  parameters: TemplateParameters,
  facts: Partial<RoutingFacts> = {},
  result: RingResult = 'no-answer',
): Promise<readonly string[]> {
  const did: string[] = [];
  await walked(startWalk(factsOf(facts), routing(parameters)), (step) => {
    did.push(step.do === 'act' ? actionInWords(step.action) : stepInWords(step));
    return result;
  });
  return did;
}

describe('templates', () => {
  it('S2-54 default: the phones together, then the mailbox', async () => {
    const parameters = { template: 'default', seconds: 20 } as const;
    assert.deepEqual(await rung(parameters), ['owner 20', 'own mailbox']);
    assert.deepEqual(await rung(parameters, { reachable: false }), ['own mailbox']);
  });

  it('S2-55 field staff: mobile app, outside mobile with a key to press, central dispatch', async () => {
    const parameters = {
      template: 'field-staff',
      app: '1002',
      mobile: '+4915112345678',
      dispatch: '500',
      seconds: 15,
    } as const;
    const expected = ['ring 1002 for 15 s', 'forward to +4915112345678 for 15 s', 'forward to 500'];
    for (const result of ['no-answer', 'busy', 'not-reachable', 'declined'] as const)
      assert.deepEqual(await rung(parameters, {}, result), expected);
    assert.equal(fromTemplate(parameters, '100').filter(({ then }) => 'confirm' in then).length, 1);
  });

  it('S2-56 executive: assistant, executive, team, mailbox', async () => {
    const parameters = { template: 'executive', assistant: '200', team: '500', seconds: 12 } as const;
    assert.deepEqual(await rung(parameters), [
      'ring 200 for 12 s',
      'ring 100 for 12 s',
      'ring 500 for 12 s',
      'own mailbox',
    ]);
  });

  it('S2-32 S2-44 S2-45 on-call rotation: whoever’s turn it is, the next one, the escalation', async () => {
    const parameters = {
      template: 'on-call-rotation',
      people: ['100', '200', '300'],
      days: 7,
      start: '2026-03-02',
      timeZone: 'UTC',
      seconds: 15,
      escalation: '500',
    } as const;
    const at = (date: string) => rung(parameters, { wall: Date.parse(`${date}T12:00:00Z`) });
    assert.deepEqual(await at('2026-03-03'), ['ring 100 for 15 s', 'ring 200 for 15 s', 'forward to 500']);
    assert.deepEqual(await at('2026-03-09'), ['ring 200 for 15 s', 'ring 300 for 15 s', 'forward to 500']);
    assert.deepEqual(await at('2026-03-16'), ['ring 300 for 15 s', 'ring 100 for 15 s', 'forward to 500']);
    assert.deepEqual(await rung({ ...parameters, people: ['100'] }), ['ring 100 for 15 s', 'forward to 500']);
  });

  it('S2-37 follow the sun: the team whose hours it is, else who is always there', async () => {
    const schedule = (name: string, timeZone: string): Schedule => ({
      domain: 'pbx.test',
      name,
      timeZone,
      weekly: [{ days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }],
      holidays: [],
      dates: [],
    });
    const schedules = [
      schedule('asia', 'Asia/Tokyo'),
      schedule('europe', 'Europe/Berlin'),
      schedule('west', 'America/Los_Angeles'),
    ];
    const parameters = {
      template: 'follow-the-sun',
      teams: [
        { to: '501', schedule: 'asia' },
        { to: '502', schedule: 'europe' },
        { to: '503', schedule: 'west' },
      ],
      otherwise: '+12025550123',
      seconds: 30,
    } as const;
    const first = async (wall: string) =>
      (
        await rung(parameters, {
          wall: Date.parse(wall),
          schedule: (name) => schedules.find((one) => one.name === name),
        })
      )[0];
    assert.equal(await first('2026-03-03T02:00:00Z'), 'forward to 501 for 30 s');
    assert.equal(await first('2026-03-03T12:00:00Z'), 'forward to 502 for 30 s');
    assert.equal(await first('2026-03-03T20:00:00Z'), 'forward to 503 for 30 s');
    assert.equal(await first('2026-03-07T12:00:00Z'), 'forward to +12025550123');
  });

  it('what they say is said in words', () => {
    const [draft] = fromTemplate({ template: 'default', seconds: 20 }, '100');
    assert.equal(draft && whenInWords(draft), 'busy or no-answer or not-reachable or declined after 20 s');
  });
});
