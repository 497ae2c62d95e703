import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Phone } from '../src/testing/index.ts';

const main = join(import.meta.dirname, '../src/main.ts');

const user = (extension: string, devices: readonly string[]) => ({
  extension,
  name: `User ${extension}`,
  devices: devices.map((device) => ({ extension: device, name: device, password: `secret-${device}` })),
});

const config = {
  domain: 'pbx.test',
  signaling: { listen: ['udp:127.0.0.1:0'] },
  media: { address: '127.0.0.1', ports: [43000, 43999] },
  http: { listen: '127.0.0.1:0' },
  users: [user('100', ['1001', '1002']), user('200', ['2001'])],
};

describe('cold routes and the end of the process', function () {
  this.timeout(30_000);
  let folder: string;
  let child: ChildProcess | undefined;
  const phones: Phone[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-cold-'));
    writeFileSync(join(folder, 'flipswitch.json'), JSON.stringify(config));
  });
  afterEach(async () => {
    await killed();
    rmSync(folder, { recursive: true });
  });

  /** Starts the program; yields the port that phones find it at. */
  async function started(): Promise<number> {
    const program = spawn(process.execPath, [main, '--config', join(folder, 'flipswitch.json')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = program;
    for await (const line of createInterface({ input: program.stdout })) {
      if (!line.includes('"msg":"ready"')) continue;
      const { signaling } = JSON.parse(line) as { signaling: string[] };
      return Number(signaling[0]?.split(':').at(-1));
    }
    throw new Error('the program ended before it was ready');
  }

  /** Kills it as a power cut would. */
  async function killed(): Promise<void> {
    const program = child;
    child = undefined;
    for (const phone of phones.splice(0)) await phone.close();
    if (program === undefined || program.exitCode !== null) return;
    const exited = new Promise((done) => program.once('close', done));
    program.kill('SIGKILL');
    await exited;
  }

  async function registered(name: string, port: number): Promise<Phone> {
    const phone = await Phone.open({
      name,
      password: `secret-${name}`,
      domain: config.domain,
      server: { address: '127.0.0.1', port },
    });
    phones.push(phone);
    await phone.register();
    return phone;
  }

  it('S0-37 S0-69 what a phone was told is done outlasts kill -9, for as long as nobody takes it back', async () => {
    const first = await started();
    const mobile = await registered('1002', first);
    await (await mobile.invite('*50')).answered();
    await killed();

    const second = await started();
    const [desk, chosen, bob] = [
      await registered('1001', second),
      await registered('1002', second),
      await registered('2001', second),
    ];
    const call = await bob.invite('100');
    await (await chosen.incoming()).ring();
    await call.ringing();
    await call.cancel();
    await call.ended();
    assert.deepEqual(desk.rung, []);
    await (await desk.invite('*51')).answered();
    await killed();

    const third = await started();
    const all = [await registered('1001', third), await registered('1002', third)];
    const again = await (await registered('2001', third)).invite('100');
    for (const phone of all) await (await phone.incoming()).ring();
    await again.cancel();
    await again.ended();
  });
});
