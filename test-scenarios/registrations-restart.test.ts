import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, until, user } from './program.ts';

describe('registrations and the end of the process', function () {
  this.timeout(180_000);
  let program: Program;
  beforeEach(async () => {
    program = await Program.create({ users: [user('100', '1001', '1002'), user('200', '2001')] });
    await program.start();
  });
  afterEach(() => program.close());

  const registered = async (): Promise<readonly string[]> =>
    (await program.admin.get('/api/v1/bindings')).body.items.map((b) => String(b['device'])).toSorted();
  const journals = () => readdirSync(program.data).filter((file) => file.startsWith('bindings-'));

  it('S0-69 a phone on UDP is called after kill -9 and a start, without having done anything', async () => {
    const [ada, bob] = [await program.phone('1001'), await program.phone('2001', { rtp: true })];
    await program.phone('1002').then((gone) => gone.unregister());
    await program.kill();
    await program.start();
    assert.deepEqual(await registered(), ['1001', '2001']);
    const call = await bob.invite('100');
    await (await ada.incoming()).ring();
    await call.ringing();
    await call.cancel();
    await call.ended();
  });

  it('a connection is gone with the process that held it: the phone is called again once it is back (RFC 5626 §4.2)', async () => {
    const ada = await program.phone('1001', { protocol: 'tcp' });
    const bob = await program.phone('2001');
    await program.kill();
    await program.start();
    assert.deepEqual(await registered(), ['2001']);
    assert.match(program.log, /"disconnected":1.*registrations restored/);
    await ada.register();
    const call = await bob.invite('100');
    await (await ada.incoming()).ring();
    await call.cancel();
    await call.ended();
  });

  it('what is left of a damaged journal is there, and that it was damaged is said', async () => {
    for (const name of ['1001', '1002', '2001']) await program.phone(name);
    await program.kill();
    const [file = ''] = journals();
    const path = join(program.data, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll('sip:1002@', 'sip:xxxx@'));
    await program.start();
    assert.deepEqual(await registered(), ['1001', '2001']);
    assert.match(program.log, /"level":50.*journal damaged/);
    await until('it is set aside', () => journals().includes(`${file}.damaged`));
  });

  it('a stop and a start keep them too, and a device that is no longer there has none', async () => {
    for (const name of ['1001', '2001']) await program.phone(name);
    const made = await program.admin.post('/api/v1/users', { extension: '300', name: 'Cleo' });
    assert.equal(made.status, 201, made.text);
    await program.stop();
    await program.start();
    assert.deepEqual(await registered(), ['1001', '2001']);
    await program.admin.delete('/api/v1/devices/1001');
    await program.kill();
    await program.start();
    // The file makes the device anew, but what was registered is not.
    assert.deepEqual(await registered(), ['2001']);
  });
});
