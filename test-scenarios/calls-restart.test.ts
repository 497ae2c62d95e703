import assert from 'node:assert/strict';
import { Program, until, user } from './program.ts';

describe('calls and the end of the process', function () {
  this.timeout(180_000);
  let program: Program;
  beforeEach(async () => {
    program = await Program.create({
      users: [user('100', '1001'), user('200', '2001'), user('300', '3001')],
    });
    await program.start();
  });
  afterEach(() => program.close());

  it('S1-27 after kill -9 and a start nobody stays in an empty call, and every call has its record', async () => {
    const [ada, bob, cleo] = [
      await program.phone('1001', { rtp: true }),
      await program.phone('2001', { rtp: true }),
      await program.phone('3001', { rtp: true }),
    ];
    const talking = await bob.invite('100');
    const answered = await ada.incoming();
    await answered.answer();
    await talking.answered();
    const ringing = await cleo.invite('200');
    await (await bob.incoming()).ring();
    await ringing.ringing();
    const live = (await program.admin.get('/api/v1/calls')).body.items;
    assert.equal(live.length, 2);

    await program.kill();
    await program.start();
    // RFC 3261 §15.1.2: the phones take the BYE for one of their call.
    for (const call of [talking, answered]) {
      await call.ended();
      const bye = await call.received('BYE');
      assert.match(bye.headers.get('Reason') ?? '', /restarted/);
    }
    const records = async () => (await program.admin.get('/api/v1/records')).body.items;
    await until('both records', async () => (await records()).length === 2);
    const [second, first] = await records();
    assert.deepEqual(
      [first, second].map((record) => [record?.['from'], record?.['to'], record?.['endedBy']]),
      [
        ['200', '100', 'switch'],
        ['300', '200', 'switch'],
      ],
    );
    assert.ok(first?.['answeredAt'] !== undefined && second?.['answeredAt'] === undefined);
    assert.ok(Number(first?.['endedAt']) >= Number(first?.['answeredAt']));
    assert.match(JSON.stringify(first?.['ended']), /restarted/);

    // What is over is over: another start knows of nothing more, and finds the same records.
    const kept = await records();
    await program.kill();
    await program.start();
    assert.ok(!program.log.includes('calls of an earlier process'));
    assert.deepEqual(await records(), kept);
    assert.deepEqual((await program.admin.get('/api/v1/calls')).body.items, []);
  });
});
