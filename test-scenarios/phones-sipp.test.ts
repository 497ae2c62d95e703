import { resolve } from 'node:path';
import { needSipp, Sipp, type SippOptions } from '../src/testing/sipp.ts';
import { domain, Product } from './product.ts';

const scenario = (name: string) => resolve(import.meta.dirname, `sipp/${name}.xml`);
const row = (device: string, ...more: string[]) => [
  device,
  `[authentication username=${device} password=secret-${device}]`,
  domain,
  ...more,
];

describe('SIPp phones through the whole product', function () {
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
});
