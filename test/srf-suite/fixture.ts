import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../../src/testing/free-port.ts';

const root = resolve(import.meta.dirname, '../..');
export const suite = join(root, 'node_modules/drachtio-srf/test');
const local = (text: string) => text.replaceAll('172.29.', '127.29.');

type Service = { readonly name: string; readonly address: string; readonly command: string };

/** The containers of the suite's own fixture, with the addresses that they have here. */
export const services = (): readonly Service[] => {
  const compose = readFileSync(join(suite, 'docker-compose-testbed.yaml'), 'utf8');
  const blocks = compose
    .slice(compose.indexOf('\nservices:'))
    .split(/\n(?= {2}\S)/)
    .slice(1);
  return blocks.map((block) => {
    const field = (name: string) => new RegExp(`${name}: (.+)`).exec(block)?.[1]?.trim() ?? '';
    return {
      name: field('container_name'),
      address: local(field('ipv4_address')),
      command: field('command'),
    };
  });
};

/** A name that no container has and that one test gives to a SIPp of its own. */
export const hostsOf = (all: readonly Service[]): Record<string, string> => ({
  ...Object.fromEntries(all.map(({ name, address }) => [name, address])),
  'sipp-uas-b-teardown': '127.29.0.99',
});

/** A `<` or `>` inside an attribute, which SIPp 3.6 does not read (its container's older one did). */
const escaped = (scenario: string): string =>
  scenario.replace(
    /regexp="([^"]*)"/g,
    (_, pattern: string) => `regexp="${pattern.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}"`,
  );

/** A folder with the suite's scenarios, in the addresses of this machine. The caller removes it. */
export const localScenarios = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'srf-suite-'));
  cpSync(join(suite, 'scenarios'), folder, { recursive: true });
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.xml'))) {
    const path = join(folder, file);
    writeFileSync(path, escaped(local(readFileSync(path, 'utf8'))));
  }
  return folder;
};

export const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** Ends a child process and waits for its end. */
export const end = (child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> =>
  new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once('exit', () => done());
    child.kill(signal);
  });

/** Starts the engine with the settings of one of the fixture's servers; resolves when it says that it listens. */
export const startEngine = async (
  service: Service,
  hosts: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly port: number; readonly log: () => string }> => {
  const port = await freePort();
  const listen = /transport=(\w+)/.exec(service.command)?.[1] ?? 'udp';
  const names = Object.entries(hosts).flatMap(([name, address]) => ['--host', `${name}=${address}`]);
  const args = [
    join(root, 'src/drachtio/standalone.ts'),
    '--listen',
    `${listen}:${service.address}:5060`,
    '--admin',
    `127.0.0.1:${port}`,
    '--secret',
    'cymru',
    ...names,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  await new Promise<void>((ready, fail) => {
    const gather = (data: Buffer) => {
      log += data.toString();
      if (log.includes('"ready"') || log.includes('"msg":"ready"')) ready();
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('exit', (code) =>
      fail(new Error(`the engine ended with ${code} before it was ready: ${log}`)),
    );
  });
  return { child, port, log: () => log };
};

/** Starts the SIPp that a container of the fixture would run. */
export const startPeer = (service: Service, scenarios: string, sipp: string): ChildProcess => {
  const file = /-sf \/tmp\/(\S+)/.exec(service.command)?.[1] ?? '';
  const args = ['-sf', join(scenarios, file), '-i', service.address, '-p', '5060', '-nostdin'];
  return spawn(sipp, args, { cwd: scenarios, stdio: 'ignore' });
};
