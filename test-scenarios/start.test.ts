import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { Phone } from '../src/testing/index.ts';
import { authorization } from '../src/switch/registrar/fixture.test.ts';

/** The program as a newcomer starts it: one process, its own configuration file, real sockets. */
const main = join(import.meta.dirname, '../src/main.ts');

type Exit = { readonly code: number | null; readonly stderr: string; readonly ms: number };

class Program {
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  #stdout = '';
  #stderr = '';
  readonly #lookers = new Set<() => void>();

  constructor(folder: string, config: object, environment: Record<string, string> = {}) {
    const file = join(folder, 'flipswitch.json');
    writeFileSync(file, JSON.stringify(config));
    const began = performance.now();
    this.#child = spawn(process.execPath, [main, '--config', file], {
      env: { ...process.env, ...environment },
    });
    this.#child.stdout?.on('data', (data: Buffer) => {
      this.#stdout += data.toString();
      for (const look of this.#lookers) look();
    });
    this.#child.stderr?.on('data', (data: Buffer) => (this.#stderr += data.toString()));
    this.exited = new Promise((done) =>
      this.#child.once('close', (code) => {
        done({ code, stderr: this.#stderr, ms: performance.now() - began });
        for (const look of this.#lookers) look();
      }),
    );
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** The JSON line with this message; rejects when the program ends without it. */
  line(message: string): Promise<Record<string, unknown>> {
    return new Promise((done, failed) => {
      const look = () => {
        const found = this.#stdout.split('\n').find((text) => text.includes(`"msg":"${message}"`));
        if (found !== undefined) done(JSON.parse(found) as Record<string, unknown>);
        else if (this.#child.exitCode !== null) failed(new Error(`it ended: ${this.#stderr}`));
        else return;
        this.#lookers.delete(look);
      };
      this.#lookers.add(look);
      look();
    });
  }

  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<Exit> {
    if (this.#child.exitCode === null) this.#child.kill(signal);
    return this.exited;
  }
}

type Wire = {
  readonly send: (text: string) => void;
  readonly receive: () => Promise<string>;
  readonly close: () => void;
};

function inbox() {
  const arrived: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  return {
    take: (text: string) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(text);
      else next(text);
    },
    receive: () =>
      new Promise<string>((done) => {
        const text = arrived.shift();
        if (text === undefined) waiting.push(done);
        else done(text);
      }),
  };
}

async function openWire(protocol: string, port: number): Promise<Wire> {
  const { take, receive } = inbox();
  if (protocol === 'udp') {
    const socket = createSocket('udp4');
    socket.on('message', (data) => take(data.toString()));
    return {
      receive,
      send: (text) => socket.send(text, port, '127.0.0.1'),
      close: () => socket.close(),
    };
  }
  if (protocol === 'tcp') {
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (data) => take(data.toString()));
    return { receive, send: (text) => void socket.write(text), close: () => socket.destroy() };
  }
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'sip');
  socket.on('message', (data: Buffer) => take(data.toString()));
  await new Promise((done) => socket.once('open', done));
  return { receive, send: (text) => socket.send(text), close: () => socket.terminate() };
}

let requests = 0;

function registerText(protocol: string, extension: string, more: readonly string[]): string {
  requests += 1;
  return [
    'REGISTER sip:pbx.test SIP/2.0',
    `Via: SIP/2.0/${protocol.toUpperCase()} 127.0.0.1:9;rport;branch=z9hG4bKstart${requests}`,
    'Max-Forwards: 70',
    `From: <sip:${extension}@pbx.test>;tag=t${requests}`,
    `To: <sip:${extension}@pbx.test>`,
    `Call-ID: start-${extension}-${protocol}`,
    `CSeq: ${requests} REGISTER`,
    ...more,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** Registers as a phone does: asks, is challenged, answers. Yields the final answer. */
async function register(
  wire: Wire,
  protocol: string,
  phone: { readonly extension: string; readonly password: string; readonly algorithm?: 'MD5' | 'SHA-256' },
): Promise<string> {
  const contact = `Contact: <sip:${phone.extension}@127.0.0.1:9;transport=${protocol}>`;
  wire.send(registerText(protocol, phone.extension, [contact]));
  const challenge = await wire.receive();
  assert.match(challenge, /^SIP\/2\.0 401 /);
  const { algorithm = 'MD5' } = phone;
  const line = challenge
    .split('\r\n')
    .find((text) => /^WWW-Auth/i.test(text) && text.includes(`algorithm=${algorithm}`));
  const nonce = /nonce="([^"]+)"/.exec(line ?? '')?.[1] ?? '';
  const value = authorization({ nonce, username: phone.extension, password: phone.password, algorithm });
  wire.send(registerText(protocol, phone.extension, [contact, `Authorization: ${value}`]));
  return wire.receive();
}

const portOf = (ready: Record<string, unknown>, protocol: string) =>
  Number(
    (ready['signaling'] as string[])
      .find((text) => text.startsWith(`${protocol}:`))
      ?.split(':')
      .at(-1),
  );

/** Looks until it is so. */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await look())) {
    assert.ok(performance.now() < end, `never came true: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('the program', function () {
  this.timeout(30_000);
  let folder: string;
  const programs: Program[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-start-'));
  });
  afterEach(async () => {
    await Promise.all(programs.splice(0).map((program) => program.kill('SIGKILL')));
    rmSync(folder, { recursive: true });
  });
  const start = (config: object = {}, environment: Record<string, string> = {}) => {
    const program = new Program(folder, { ...lab, ...config }, environment);
    programs.push(program);
    return program;
  };
  const lab = {
    domain: 'pbx.test',
    signaling: { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0', 'ws:127.0.0.1:0'] },
    media: { address: '127.0.0.1', ports: [42000, 42999] },
    http: { listen: '127.0.0.1:0', adminToken: 'a token for this test' },
  };
  const adas = {
    users: [
      {
        extension: '100',
        name: 'Ada',
        devices: ['1001', '1002', '1003'].map((extension) => ({
          extension,
          name: `Phone ${extension}`,
          password: `secret-${extension}`,
        })),
      },
    ],
  };
  const bindings = async (ready: Record<string, unknown>) => {
    const headers = { authorization: 'Bearer a token for this test' };
    const response = await fetch(`http://${String(ready['http'])}/api/v1/bindings`, { headers });
    return ((await response.json()) as { items: { aor: string; flow: { protocol: string } }[] }).items;
  };

  it('M-02 S0-05 makes two demo users at the first start, tells how to use them, and keeps them', async () => {
    const first = start();
    const ready = await first.line('ready');
    const passwords = [...first.stdout.matchAll(/user (\d+) +password (\S+)/g)].map(
      (m) => [m[1], m[2]] as const,
    );
    assert.deepEqual(
      passwords.map(([user]) => user),
      ['1001', '1002', '1003', '2001', '2002', '2003'],
    );
    assert.match(first.stdout, new RegExp(`server {2}127\\.0\\.0\\.1:${portOf(ready, 'udp')} \\(UDP`));
    assert.equal(statSync(join(folder, 'data', 'demo-users.json')).mode & 0o777, 0o600);
    const wire = await openWire('udp', portOf(ready, 'udp'));
    for (const [extension = '', password = ''] of passwords)
      assert.match(await register(wire, 'udp', { extension, password }), /^SIP\/2\.0 200 /);
    wire.close();
    assert.deepEqual(await first.kill().then((exit) => exit.code), 0);

    const second = start();
    await second.line('ready');
    assert.deepEqual(
      [...second.stdout.matchAll(/user (\d+) +password (\S+)/g)].map((m) => [m[1], m[2]]),
      passwords,
    );
    assert.equal((await second.kill('SIGINT')).code, 0);
  });

  it('prints nothing but JSON when it has users of its own, and hides who they are', async () => {
    const program = start({ ...adas, log: { level: 'debug' } });
    const ready = await program.line('ready');
    const wire = await openWire('udp', portOf(ready, 'udp'));
    await register(wire, 'udp', { extension: '1001', password: 'secret-1001' });
    await register(wire, 'udp', { extension: '1002', password: 'wrong' });
    wire.close();
    await program.kill();
    for (const line of program.stdout.split('\n').filter((text) => text !== '')) JSON.parse(line);
    assert.doesNotMatch(program.stdout, /secret-1001|\b100[123]\b|nonce=/);
  });

  it('S1-25 registers one user’s devices over UDP, TCP and WebSocket, with either digest', async () => {
    const program = start(adas);
    const ready = await program.line('ready');
    const wires: Wire[] = [];
    for (const [protocol, extension, algorithm] of [
      ['udp', '1001', 'MD5'],
      ['tcp', '1002', 'SHA-256'],
      ['ws', '1003', 'SHA-256'],
    ] as const) {
      const wire = await openWire(protocol, portOf(ready, protocol));
      wires.push(wire);
      const answer = await register(wire, protocol, {
        extension,
        password: `secret-${extension}`,
        algorithm,
      });
      assert.match(answer, /^SIP\/2\.0 200 /, protocol);
      assert.match(answer, new RegExp(`Contact: <sip:${extension}@`, 'i'));
    }
    assert.deepEqual(
      new Map((await bindings(ready)).map((b) => [b.aor, b.flow.protocol])),
      new Map([
        ['1001', 'udp'],
        ['1002', 'tcp'],
        ['1003', 'ws'],
      ]),
    );
    // A binding dies with its connection; docs/decisions/0018-closed-flows.md.
    wires[1]?.close();
    wires[2]?.close();
    await until('only the UDP phone is left', async () => (await bindings(ready)).length === 1);
    wires[0]?.close();
  });

  it('asks phones on connections whether they are there, and forgets one that has fallen silent', async () => {
    const timers = { t1: 20, t2: 100, t4: 100 };
    const program = start({
      ...adas,
      signaling: { ...lab.signaling, timers },
      registrar: { pingSeconds: 1 },
    });
    const ready = await program.line('ready');
    const open = async (name: string, protocol: 'tcp' | 'ws') => {
      const server = { address: '127.0.0.1', port: portOf(ready, protocol) };
      const phone = await Phone.open({
        name,
        password: `secret-${name}`,
        domain: 'pbx.test',
        server,
        protocol,
      });
      await phone.register();
      return phone;
    };
    const [living, silent] = [await open('1001', 'ws'), await open('1002', 'tcp')];
    silent.onRequest = () => true;
    await until('the silent one is gone', async () => (await bindings(ready)).length === 1);
    assert.ok(silent.count('OPTIONS') > 0, 'it was asked');
    await living.until(() => living.count('OPTIONS') > 1, 'the living one is asked again');
    assert.deepEqual(
      (await bindings(ready)).map((b) => b.aor),
      ['1001'],
    );
    await living.close();
    await silent.close();
  });

  it('S1-22 refuses a wrong password', async () => {
    const program = start(adas);
    const wire = await openWire('udp', portOf(await program.line('ready'), 'udp'));
    assert.match(await register(wire, 'udp', { extension: '1001', password: 'wrong' }), /^SIP\/2\.0 403 /);
    wire.close();
  });

  it('answers /healthz and /metrics once it is ready', async () => {
    const program = start(adas);
    const ready = await program.line('ready');
    const at = (path: string) => fetch(`http://${String(ready['http'])}${path}`);
    assert.equal((await at('/healthz')).status, 200);
    assert.match(await (await at('/metrics')).text(), /^flipswitch_signaling_connected 1$/m);
  });

  it('keeps an administrator’s token when it is given none', async () => {
    const program = start({ ...adas, http: { listen: '127.0.0.1:0' } });
    const ready = await program.line('ready');
    const token = readFileSync(join(folder, 'data', 'admin-token'), 'utf8').trim();
    const response = await fetch(`http://${String(ready['http'])}/api/v1/bindings`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(response.status, 200);
  });

  describe('that is told to stop', () => {
    const phones: Phone[] = [];
    afterEach(async () => {
      for (const phone of phones.splice(0)) await phone.close();
    });
    const phone = async (ready: Record<string, unknown>, name: string) => {
      const server = { address: '127.0.0.1', port: portOf(ready, 'udp') };
      const made = await Phone.open({ name, password: `secret-${name}`, domain: 'pbx.test', server });
      phones.push(made);
      await made.register();
      return made;
    };
    const talking = async (drainSeconds: number) => {
      const program = start({ ...adas, shutdown: { drainSeconds } });
      const ready = await program.line('ready');
      const [caller, callee] = [await phone(ready, '1001'), await phone(ready, '1002')];
      const call = await caller.invite('1002');
      const incoming = await callee.incoming();
      await incoming.answer();
      await call.answered();
      return { program, ready, caller, call, incoming };
    };

    it('lets a call end in peace, and takes no new one: 503 with Retry-After', async () => {
      const { program, ready, caller, call, incoming } = await talking(20);
      const exit = program.kill('SIGTERM');
      await program.line('draining');
      assert.equal((await fetch(`http://${String(ready['http'])}/healthz`)).status, 503);
      await caller.invite('1003');
      const refused = await caller.received(503);
      assert.equal(refused.headers.get('Retry-After'), '30');
      assert.equal(call.state, 'answered');
      await call.hangup();
      await incoming.ended();
      const { code, stderr } = await exit;
      assert.deepEqual([code, stderr], [0, '']);
    });

    it('ends a call with BYE that outlasts shutdown.drainSeconds', async () => {
      const { program, call, incoming } = await talking(1);
      const exit = program.kill('SIGTERM');
      await Promise.all([call.ended(), incoming.ended()]);
      const { code, ms } = await exit;
      assert.equal(code, 0);
      assert.ok(ms > 1000);
    });
  });

  describe('that cannot start says what and where, and ends', () => {
    const refused = async (config: object, expected: RegExp) => {
      const { code, stderr, ms } = await start(config).exited;
      assert.equal(code, 1);
      assert.match(stderr, /^flipswitch cannot start: /);
      assert.match(stderr, expected);
      // A second on a machine of its own; tests share theirs, and then it only must not hang.
      assert.ok(ms < 15_000, `it took ${ms} ms`);
    };

    it('SIP port taken (UDP)', async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
      const { port } = socket.address();
      await refused({ signaling: { listen: [`udp:127.0.0.1:${port}`] } }, new RegExp(`${port}.*EADDRINUSE`));
      socket.close();
    });

    it('SIP port taken (TCP), HTTP port taken', async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const { port } = server.address() as AddressInfo;
      await refused({ signaling: { listen: [`tcp:127.0.0.1:${port}`] } }, new RegExp(`${port}.*EADDRINUSE`));
      await refused(
        { http: { listen: `127.0.0.1:${port}` } },
        new RegExp(`http\\.listen .*EADDRINUSE.*${port}`),
      );
      server.close();
    });

    it('an address that is not this machine’s', async () => {
      await refused(
        { signaling: { listen: ['udp:198.51.100.1:5060'] } },
        /signaling\.listen.*198\.51\.100\.1.*EADDRNOTAVAIL/,
      );
      await refused({ media: { address: '198.51.100.1' } }, /media.*EADDRNOTAVAIL/);
    });

    it('an unknown key, a certificate that is not there, a data folder that is a file', async () => {
      await refused({ meda: {} }, /meda: there is no such key; did you mean media\?/);
      const tls = { key: 'nowhere.pem', cert: 'nowhere.pem' };
      await refused({ signaling: { listen: ['tls:127.0.0.1:0'], tls } }, /signaling.*nowhere\.pem/);
      writeFileSync(join(folder, 'file'), '');
      await refused({ data: 'file' }, /data: EEXIST/);
    });

    it('a damaged database, a database server that is not there', async () => {
      const damaged = join(folder, 'damaged');
      mkdirSync(damaged);
      writeFileSync(join(damaged, 'flipswitch.db'), 'x'.repeat(5000));
      await refused(
        { data: damaged },
        /data: .*damaged\/flipswitch\.db: it is damaged.*docs\/operations\.md/,
      );
      const url = 'postgresql://nobody@%2Fnowhere/nothing';
      await refused({ store: { engine: 'postgresql', url } }, /store\.url: .*\/nowhere/);
    });
  });
});
