import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import type { Trunk } from '../src/stores/index.ts';
import { credentialsFor } from '../src/switch/directory/index.ts';
import type { TrunkState } from '../src/switch/index.ts';
import { freePort } from '../src/testing/free-port.ts';
import { needSipp, Sipp, type SippOptions } from '../src/testing/sipp.ts';
import { domain, Product } from './product.ts';

const scenario = (name: string) => resolve(import.meta.dirname, `sipp/${name}.xml`);
const number = '+15550100';
const account = { username: 'account', password: 'secret of the trunk' };

/** Resolves once a trunk is as it is wanted; the fact may have come before it was asked for. */
async function stands(
  product: Product,
  trunk: string,
  wanted: (state: TrunkState) => boolean,
): Promise<void> {
  const { trunks } = product.product;
  const now = trunks.state(domain, trunk);
  if (now !== undefined && wanted(now)) return;
  await new Promise<void>((done) => {
    const off = trunks.events.on('changed', (state) => {
      if (state.name !== trunk || !wanted(state)) return;
      off();
      done();
    });
  });
}

describe('a carrier, played by SIPp, through the whole product', function () {
  this.timeout(60_000);
  let product: Product;
  const open: Sipp[] = [];
  before(async function () {
    needSipp(this);
    product = await Product.start();
    await product.directory.putNumber({ domain, number, target: '100' });
    await product.directory.putNumber({ domain, number: '+15550150', target: '500' });
  });
  afterEach(async () => {
    for (const { id } of product.directory.trunks(domain)) await product.directory.removeTrunk(id);
    await Promise.all(open.splice(0).map((sipp) => sipp.close()));
    for (const { id } of product.bindings.all()) await product.bindings.remove(id, 'administrative');
  });
  after(() => product?.close());

  const target = () => product.server('udp');
  const carrier = async (name: string, options: Partial<SippOptions> = {}): Promise<Sipp> => {
    const sipp = await Sipp.start({ scenario: scenario(name), target: target(), ...options });
    open.push(sipp);
    return sipp;
  };
  const trunk = (port: number, more: Partial<Trunk> = {}): Promise<void> =>
    product.directory.putTrunk({
      id: 'carrier',
      domain,
      name: 'carrier',
      host: '127.0.0.1',
      port,
      transport: 'udp',
      register: false,
      ...more,
    });

  it('registers with digest, after a 423, and takes it away when the trunk goes', async () => {
    const sipp = await carrier('carrier-registrar');
    await trunk(sipp.port, { ...account, register: true });
    await stands(product, 'carrier', ({ registration }) => registration?.state === 'registered');
    await product.directory.removeTrunk('carrier');
    await sipp.succeeded();
  });

  it('S2-43 a gateway out of order: the call goes on over the next one, which asks who calls', async () => {
    const broken = await carrier('carrier-unavailable');
    const gateway = await carrier('carrier-gateway');
    await trunk(broken.port, { ...account, more: [{ host: '127.0.0.1', port: gateway.port }] });
    const bob = await product.phone('2001', { rtp: false });
    const call = await bob.invite('+12125550199');
    await call.answered();
    const states = product.product.trunks.state(domain, 'carrier')?.gateways.map(({ state }) => state);
    assert.deepEqual(states, ['resting', 'up']);
    await call.hangup();
    await broken.succeeded();
    await gateway.succeeded();
  });

  it('S2-04 a number rings its user; who is called and who calls is as the directory has it', async () => {
    const ada = await product.phone('1001', { rtp: false });
    ada.behaviour.answers = true;
    const port = await freePort();
    await trunk(port, { country: 'US' });
    const sipp = await carrier('carrier-call', { port, service: number, duration: 50 });
    await sipp.succeeded();
    assert.equal(ada.rung.length, 1);
    assert.match(ada.rung[0]?.caller ?? '', /\+12125550123@pbx\.test/);
  });

  it('S2-04 a number rings its group, and the first of them has the call', async () => {
    const ada = await product.phone('1001', { rtp: false });
    const bob = await product.phone('2001', { rtp: false });
    ada.behaviour.rings = true;
    bob.behaviour.answers = true;
    const port = await freePort();
    await trunk(port);
    const sipp = await carrier('carrier-call', { port, service: '+15550150', duration: 50 });
    await sipp.succeeded();
    assert.equal(ada.rung.length, 1);
    await ada.rung[0]?.ended();
  });

  it('a number that is nobody’s is not found, nor is an extension, nor a way out', async () => {
    const port = await freePort();
    await trunk(port);
    for (const service of ['+15550199', '100', '*33', '+12125550199'])
      await Sipp.run({ scenario: scenario('carrier-unknown-number'), target: target(), port, service });
  });

  it('a stranger is asked who it is, as phones are, whatever it calls', async () => {
    await trunk(await freePort());
    for (const service of [number, '+15550199'])
      await Sipp.run({ scenario: scenario('carrier-stranger'), target: target(), service });
  });

  it('a carrier that must prove who it is', async () => {
    const inbound = { credentials: credentialsFor('their-name', domain, 'their-secret') };
    const ada = await product.phone('1001', { rtp: false });
    ada.behaviour.answers = true;
    const port = await freePort();
    await trunk(port, { inbound });
    const rows = (password: string) => [
      ['their-name', `[authentication username=their-name password=${password}]`, domain, number],
    ];
    const run = (password: string) =>
      carrier('carrier-call', {
        scenario: scenario('call'),
        rows: rows(password),
        duration: 50,
      });
    await (await run('their-secret')).succeeded();
    assert.equal(ada.rung.length, 1);
    await assert.rejects((await run('a-guess')).succeeded());
    assert.equal(ada.rung.length, 1);
  });
});
