import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

  /** What the journal of calls has, which is written a moment after it happened. */
  const journal = () =>
    readdirSync(program.data)
      .filter((file) => file.startsWith('calls-'))
      .map((file) => readFileSync(join(program.data, file), 'utf8'))
      .join('');

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
    // Whose call is talking has two dialogs, and who rings has none yet.
    await until('both are written down', () =>
      live.every((call) =>
        journal()
          .split('\n')
          .some(
            (line) =>
              line.includes(`"id":"${String(call['id'])}"`) &&
              line.split('"callId"').length === (call['state'] === 'talking' ? 3 : 1),
          ),
      ),
    );
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

  it('S1-27 the record of a call that ended while the database was locked survives kill -9', async () => {
    const [ada, bob] = [
      await program.phone('1001', { rtp: true }),
      await program.phone('2001', { rtp: true }),
    ];
    const locked = new DatabaseSync(join(program.data, 'flipswitch.db'));
    locked.exec('BEGIN EXCLUSIVE');
    const call = await bob.invite('100');
    const incoming = await ada.incoming();
    await incoming.answer();
    await call.answered();
    await call.hangup();
    await incoming.ended();
    await until('it is said', () => program.log.includes('cannot be written; kept in memory'));
    await until('it is written down', () => journal().includes('"kind":"over"'));
    await program.kill();
    locked.exec('COMMIT');
    locked.close();
    await program.start();
    const records = async () => (await program.admin.get('/api/v1/records')).body.items;
    await until('the record', async () => (await records()).length === 1);
    const [record] = await records();
    assert.deepEqual([record?.['from'], record?.['to'], record?.['endedBy']], ['200', '100', 'caller']);
  });
});
