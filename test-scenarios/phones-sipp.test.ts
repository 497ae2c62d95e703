import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../src/testing/free-port.ts';
import { Phone } from '../src/testing/phone.ts';
import { needSipp, Sipp, type SippOptions } from '../src/testing/sipp.ts';
import { Tool } from '../src/testing/tool.ts';
import { domain, Product } from './product.ts';

const scenario = (name: string) => resolve(import.meta.dirname, `sipp/${name}.xml`);
const row = (device: string, ...more: string[]) => [
  device,
  `[authentication username=${device} password=secret-${device}]`,
  domain,
  ...more,
];

describe('M-08 SIPp phones through the whole product', function () {
  this.timeout(60_000);
  let product: Product;
  const open: Sipp[] = [];
  before(async function () {
    needSipp(this);
    product = await Product.start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((sipp) => sipp.close()));
  });
  after(() => product?.close());

  const target = (protocol = 'udp') => ({
    address: '127.0.0.1',
    port: product.signaling.listeners.find((l) => l.protocol === protocol)?.port ?? 0,
  });
  /** Registers a device with digest, then lets it play an answering scenario at the port it registered. */
  const device = async (name: string, role: string, options: Partial<SippOptions> = {}): Promise<Sipp> => {
    const port = await Sipp.run({ scenario: scenario('register'), target: target(), rows: [row(name)] });
    const sipp = await Sipp.start({ scenario: scenario(role), target: target(), port, ...options });
    open.push(sipp);
    return sipp;
  };
  const call = (options: Partial<SippOptions> = {}) =>
    Sipp.run({
      scenario: scenario('call'),
      target: target(),
      rows: [row('2001', '100')],
      duration: 50,
      ...options,
    });

  it('S0-05 S0-36 three devices register with digest and ring, one answers, the others are cancelled', async () => {
    const devices = await Promise.all([
      device('1001', 'ring-only'),
      device('1002', 'answer'),
      device('1003', 'ring-only'),
    ]);
    await call();
    for (const sipp of devices) await sipp.succeeded();
  });

  it('ten calls one after the other, each hung up by its caller', async () => {
    const devices = await Promise.all([
      device('1001', 'busy', { calls: 10 }),
      device('1002', 'answer', { calls: 10 }),
      device('1003', 'ring-only', { calls: 10 }),
    ]);
    await call({ calls: 10, rate: 5 });
    for (const sipp of devices) await sipp.succeeded();
  });

  it('the called side hangs up', async () => {
    const sipp = await device('1002', 'answer-and-hang-up', { duration: 50 });
    const bob = await product.phone('2001', { rtp: false });
    const outgoing = await bob.invite('100');
    await outgoing.answered();
    await outgoing.ended();
    await sipp.succeeded();
    await bob.unregister();
  });

  describe('by hand, with the line in the scenario’s header', () => {
    /** The line, with the addresses and the file of this test, for one call. */
    const byHand = (name: string, own: number, to: number, csv: string): string[] => {
      const line = /^ *sipp .*$/m.exec(readFileSync(scenario(name), 'utf8'))?.[0] ?? '';
      assert.ok(line.includes(`-sf ${name}.xml`), `${name}.xml says how it is run`);
      const adapted = line
        .trim()
        .replace(/^sipp 127\.0\.0\.1:\d+/, `127.0.0.1:${to}`)
        .replace(/-inf \S+/, `-inf ${csv}`)
        .replace(/-p \d+/, `-p ${own}`)
        .replace(/-m \d+/, '-m 1')
        .replace(/-d \d+/, '-d 50');
      return [...adapted.split(/ +/), '-nostdin', '-timeout', '20s', '-timeout_error'];
    };
    const tools: Tool[] = [];
    let folder = '';
    const file = (rows: readonly string[]) => {
      const path = join(folder, 'rows.csv');
      writeFileSync(path, ['SEQUENTIAL', rows.join(';'), ''].join('\n'));
      return path;
    };
    const run = (name: string, own: number, csv = ''): Tool => {
      const tool = new Tool('sipp', byHand(name, own, target().port, csv), {
        cwd: resolve(import.meta.dirname, 'sipp'),
      });
      tools.push(tool);
      return tool;
    };
    const done = async (tool: Tool) => assert.equal(await tool.ended, 0, tool.output.slice(-2000));
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'sipp-'));
    });
    afterEach(async () => {
      await Promise.all(tools.splice(0).map((tool) => tool.stop()));
      for (const { id } of product.bindings.all()) await product.bindings.remove(id, 'administrative');
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const name of ['answer', 'answer-and-hang-up', 'busy', 'ring-only'])
      it(`register.xml, then ${name}.xml`, async () => {
        const own = await freePort();
        await done(run('register', own, file(row('1001'))));
        const tool = run(name, own);
        const bob = await product.phone('2001', { rtp: false });
        // SIPp does not say when it listens; until then the INVITE is repeated.
        const outgoing = await bob.invite('100');
        if (name === 'busy') await outgoing.ended();
        else if (name === 'ring-only') {
          await outgoing.ringing();
          await outgoing.cancel();
        } else {
          await outgoing.answered();
          if (name === 'answer') await outgoing.hangup();
        }
        await outgoing.ended();
        await done(tool);
        assert.equal(outgoing.finalStatus, { busy: 486, 'ring-only': 487 }[name] ?? 200);
      });

    it('call.xml', async () => {
      const ada = await product.phone('1001', { rtp: false });
      ada.behaviour.answers = true;
      await done(run('call', await freePort(), file(row('2001', '100'))));
      assert.equal(ada.rung.length, 1);
    });

    it('call-plain.xml, to a phone that asks for no digest', async () => {
      const phone = await Phone.open({ name: '200' });
      phone.behaviour.answers = true;
      const to = Number(/:(\d+)$/.exec(phone.uri)?.[1]);
      const tool = new Tool('sipp', byHand('call-plain', await freePort(), to, ''), {
        cwd: resolve(import.meta.dirname, 'sipp'),
      });
      tools.push(tool);
      await done(tool);
      await phone.close();
    });
  });
});
