import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createSocket } from 'node:dgram';
import { AdminClient } from './admin-client.ts';

const program = resolve(import.meta.dirname, '../../src/drachtio/standalone.ts');

describe('signaling engine alone', () => {
  const children: ChildProcess[] = [];

  const run = (...args: readonly string[]) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const output = { out: '', err: '' };
    child.stdout.on('data', (data: Buffer) => (output.out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output.err += data.toString()));
    const closed = once(child, 'close').then(([code]) => code as number | null);
    return { child, output, closed };
  };

  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('listens, says so, serves an application, and ends at SIGTERM', async () => {
    const { child, output, closed } = run(
      '--listen',
      'udp:127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--secret',
      'x',
    );
    while (!output.out.includes('"msg":"ready"')) await once(child.stdout, 'data');
    const line = output.out.split('\n').find((l) => l.includes('"ready"')) ?? '';
    const ready = JSON.parse(line) as {
      admin: { port: number };
      listeners: { protocol: string; port: number }[];
    };
    assert.equal(ready.listeners[0]?.protocol, 'udp');
    const app = await AdminClient.open(ready.admin.port, 'x', 'invite');
    assert.deepEqual((await app.command('ping')).tokens, ['OK', 'pong']);
    child.kill('SIGTERM');
    assert.equal(await closed, 0);
  });

  it('helps', async () => {
    const { output, closed } = run('--help');
    assert.equal(await closed, 0);
    assert.match(output.out, /--listen PROTOCOL:ADDRESS:PORT/);
  });

  it('says what is wrong with its arguments, and ends', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    const secret = ['--secret', 'x'];
    for (const [args, says] of [
      [secret, /--listen is needed/],
      [['--listen', 'udp:127.0.0.1:0'], /--secret or --secret-file is needed/],
      [['--listen', 'nonsense', ...secret], /"nonsense" is no listening address/],
      [['--listen', 'udp:127.0.0.1:0', '--admin', 'here', ...secret], /--admin here/],
      [['--listen', 'udp:127.0.0.1:0', '--spammer', 'x=y', ...secret], /user-agent, from or to/],
      [['--listen', 'udp:127.0.0.1:0', '--log-level', 'loud', ...secret], /--log-level loud/],
      [['--nonsense'], /nonsense/],
      [
        ['--listen', `udp:127.0.0.1:${port}`, '--admin', '127.0.0.1:0', ...secret],
        new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`),
      ],
    ] as const) {
      const { output, closed } = run(...args);
      assert.equal(await closed, 1);
      assert.match(output.err, says);
    }
    taken.close();
  });
});
