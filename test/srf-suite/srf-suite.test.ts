import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { end, hostsOf, localScenarios, remove, services, startEngine, startPeer, suite } from './fixture.ts';

const root = resolve(import.meta.dirname, '../..');
const sipp = ['/usr/bin/sipp', '/usr/local/bin/sipp'].find(existsSync);

type Outcome = { readonly unitTests: number; readonly assertions: number; readonly output: string };

const last = (text: string, pattern: RegExp) => Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);

/** Runs the suite's own test/index.js and reads what its two reporters say. */
const runSuite = async (settings: object, config: object): Promise<Outcome> => {
  const child = spawn(
    process.execPath,
    ['-r', join(import.meta.dirname, 'preload.cjs'), join(suite, 'index.js')],
    {
      cwd: root,
      env: {
        ...process.env,
        NODE_ENV: 'test',
        NODE_CONFIG_DIR: join(suite, '../config'),
        NODE_CONFIG: JSON.stringify(config),
        SRF_SUITE: JSON.stringify(settings),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  try {
    const code = await new Promise<number | null>((done) => child.once('exit', done));
    const failures = output.split('\n').filter((line) => line.startsWith('not ok'));
    assert.deepEqual(failures, [], output.slice(-12_000));
    assert.equal(code, 0, output.slice(-12_000));
  } finally {
    // It ends the SIPps that it started.
    await end(child, 'SIGTERM');
  }
  assert.doesNotMatch(output, /\d+ failing/, output);
  return {
    unitTests: last(output, /(\d+) passing/g),
    assertions: last(output, /^# pass\s+(\d+)/gm),
    output,
  };
};

describe("drachtio-srf's own test suite, as it ships, against this engine", function () {
  this.timeout(400_000);
  const children: ChildProcess[] = [];
  let scenarios = '';

  before(() => {
    scenarios = localScenarios();
  });

  after(async () => {
    await Promise.all(children.map((child) => end(child)));
    if (scenarios !== '') remove(scenarios);
  });

  // Continuous integration installs SIPp; a newcomer's machine need not have it.
  const run = sipp === undefined && process.env['CI'] !== 'true' ? it.skip : it;
  const why = sipp === undefined ? ' (needs SIPp, which is not installed: Debian package sip-tester)' : '';

  run(`passes every unit test and assertion that drachtio-server passes${why}`, async () => {
    assert.ok(sipp !== undefined, 'SIPp is not installed');
    const all = services();
    const hosts = hostsOf(all);
    const config: Record<string, object> = {};
    for (const service of all) {
      if (service.command.startsWith('sipp ')) {
        children.push(startPeer(service, scenarios, sipp));
        continue;
      }
      const engine = await startEngine(service, hosts);
      children.push(engine.child);
      config[service.name] = { host: '127.0.0.1', port: engine.port };
    }
    for (const child of children)
      assert.equal(child.exitCode, null, `${child.spawnargs.join(' ')} ended before the suite began`);
    const sut = hosts['drachtio-sut'];
    const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
    const outcome = await runSuite({ suite, scenarios, sut, hosts, sipp, mocha }, config);
    console.log(
      `      drachtio-srf suite: ${outcome.unitTests} unit tests, ${outcome.assertions} assertions passed`,
    );
    assert.ok(outcome.unitTests >= 52, `${outcome.unitTests} unit tests`);
    // The suite passes this one only if it happens, so that its absence would go unseen.
    assert.match(outcome.output, /^ok .*ACK timeout/m);
    assert.ok(outcome.assertions >= 78, `${outcome.assertions} assertions`);
  });
});
