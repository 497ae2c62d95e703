import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Runs a benchmark for an instant and yields how it ended, with what it said. */
const run = (name: string, ...options: readonly string[]): Promise<{ code: number | null; said: string }> =>
  new Promise((done) => {
    const args = [join(root, 'bench', 'run.ts'), name, ...options];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    child.on('exit', (code) => done({ code, said }));
  });

const withoutSipp = (): boolean => spawnSync('sipp', ['-v']).error !== undefined;

/** That each benchmark runs and nothing fails in it. What it measures is for another day and a quiet machine. */
describe('benchmarks, two seconds each', function () {
  this.timeout(60_000);
  before(function () {
    if (!withoutSipp()) return;
    if (process.env['CI'] === 'true') throw new Error('SIPp is not installed (Debian: sip-tester)');
    this.skip();
  });
  for (const [name, ...options] of [
    ['calls', '--rate', '10', '--seconds', '2', '--only', 'product,engine', '--warm', '1'],
    ['ring-all', '--rate', '5', '--seconds', '2'],
    ['register', '--rate', '50', '--seconds', '2', '--devices', '100'],
    ['held', '--calls', '10', '--rate', '10', '--seconds', '1', '--settle', '0'],
    ['overload', '--rate', '10', '--seconds', '2', '--times', '2'],
    ['soak', '--rate', '5', '--seconds', '2', '--windows', '2', '--warm', '1'],
    ['message', '--seconds', '0.05'],
  ] as const)
    it(`${name} ${options.join(' ')}`, async () => {
      const { code, said } = await run(name, ...options);
      assert.equal(code, 0, said);
    });
});
