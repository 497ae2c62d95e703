import assert from 'node:assert/strict';
import { needPostgres, Postgres } from '../src/testing/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import { Program, until, user } from './program.ts';

describe('the program on PostgreSQL', function () {
  this.timeout(120_000);
  let server: Postgres | undefined;
  let program: Program | undefined;
  before(async function () {
    needPostgres(this);
    server = await Postgres.start();
    program = await Program.create({
      users: [user('100', '1001', '1002'), user('200', '2001')],
      store: { engine: 'postgresql', url: await server.create() },
    });
  });
  after(async () => {
    await program?.close();
    await server?.close();
  });

  const talk = async (caller: Phone, callee: Phone) => {
    const out = await caller.invite('100');
    const incoming = await callee.incoming();
    await incoming.answer();
    await out.answered();
    return { out, incoming };
  };

  it('S1-27 goes on without its server, refuses what it cannot keep, makes up for records, and survives kill -9', async () => {
    assert.ok(program !== undefined && server !== undefined);
    const running = program;
    await running.start();
    const metric = async (name: string) => {
      const { text } = await running.admin.get('/metrics');
      return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
    };
    const health = async () => (await running.admin.get('/healthz')).body['store'];
    const ada = await running.phone('1001');
    const ben = await running.phone('2001');
    assert.equal((await running.admin.post('/api/v1/users', { extension: '300', name: 'Cleo' })).status, 201);
    const code = await ada.invite('*50');
    await code.ended();
    assert.equal(code.finalStatus, 200);
    const live = await talk(ben, ada);

    await server.stop();
    assert.equal((await running.admin.post('/api/v1/users', { extension: '400', name: 'Dora' })).status, 503);
    const refused = await ada.invite('*51');
    await refused.ended();
    assert.equal(refused.finalStatus, 500);
    assert.equal(await health(), 'failing');
    assert.equal((await running.admin.get('/healthz')).status, 200, 'calls can be taken');
    assert.equal((await running.admin.get('/api/v1/records')).status, 503);
    await live.out.hangup();
    await live.incoming.ended();
    const meanwhile = await talk(ben, ada);
    await meanwhile.out.hangup();
    await meanwhile.incoming.ended();
    // The three codes are no calls; audit entries of before may wait as well.
    await until('records wait', async () => (await metric('flipswitch_records_unwritten')) >= 2);

    await server.resume();
    await until('it is found again', async () => (await health()) === 'writable');
    await until('all is made up for', async () => (await metric('flipswitch_records_unwritten')) === 0);
    assert.equal(await metric('flipswitch_records_lost'), 0);
    assert.equal((await running.admin.post('/api/v1/users', { extension: '400', name: 'Dora' })).status, 201);

    await running.kill();
    await running.start();
    const { admin } = running;
    assert.equal((await admin.get('/api/v1/records')).body.items.length, 2);
    const users = new Set((await admin.get('/api/v1/users')).body.items.map((item) => item['extension']));
    assert.deepEqual(users, new Set(['100', '200', '300', '400']));
    assert.equal((await admin.get('/api/v1/users/100/cold-route')).body['device'], '1001');
  });
});
