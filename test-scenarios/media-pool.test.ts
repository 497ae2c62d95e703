import assert from 'node:assert/strict';
import { runMediaEngine } from '../src/media/index.ts';
import type { CallView } from '../src/switch/index.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { needRtpengine, Rtpengine } from '../src/testing/index.ts';
import { Product } from './product.ts';

const loopback = '127.0.0.1';

type Talk = { readonly far: PhoneCall; readonly near: PhoneCall };

async function talk(product: Product, [from, to]: readonly [string, string]): Promise<Talk> {
  const [caller, called] = [await product.phone(from), await product.phone(to)];
  const far = await caller.invite(to);
  const near = await called.incoming();
  await near.answer();
  await far.answered();
  await far.media.rtp.hears(5, to);
  await near.media.rtp.hears(5, from);
  return { far, near };
}

/** What both of them hear from now on. */
const bothHear = async ({ far, near }: Talk) => {
  await far.media.rtp.hears(20, near.media.rtp.name);
  await near.media.rtp.hears(20, far.media.rtp.name);
};

const portOf = (call: PhoneCall) => call.media.rtp.target?.port ?? 0;

describe('media that is lost in mid-call', () => {
  let product: Product | undefined;
  let engines: Rtpengine[] = [];
  const changes: CallView[] = [];
  beforeEach(() => void changes.splice(0));
  afterEach(async () => {
    await product?.close();
    for (const engine of engines) await engine.close();
    [product, engines] = [undefined, []];
  });

  it('S3-08 a dead rtpengine: its calls go on through another one, those of others are not touched', async function () {
    needRtpengine(this);
    product = await Product.start({
      media: async (port) => {
        const dtmfLog = { address: loopback, port };
        const first = await Rtpengine.start({ dtmfLog });
        engines = [first];
        // Not the same ones, so that a port tells whose it is.
        const ports = [first.ports[1] + 1, first.ports[1] + 400] as const;
        engines.push(await Rtpengine.start({ dtmfLog, ports }));
        const nodes = engines.map((engine) => ({ host: engine.address, port: engine.port }));
        return { nodes, close: () => undefined };
      },
    });
    const talks = [
      await talk(product, ['2001', '1001']),
      await talk(product, ['2002', '1002']),
      await talk(product, ['2003', '1003']),
    ];
    // The pool spreads them; which is where is told by the ports.
    const [dying] = engines;
    const isOn = ({ far }: Talk, engine: Rtpengine | undefined) =>
      engine !== undefined && portOf(far) >= engine.ports[0] && portOf(far) <= engine.ports[1];
    const hit = talks.filter((one) => isOn(one, dying));
    const spared = talks.filter((one) => !isOn(one, dying));
    assert.ok(hit.length > 0 && spared.length > 0, talks.map(({ far }) => portOf(far)).join());
    process.kill(dying?.pid ?? 0, 'SIGKILL');
    for (const one of hit) {
      await one.far.media.rtp.until(() => !isOn(one, dying), 'another engine', 15_000);
      await one.near.media.rtp.until(() => !isOn({ far: one.near, near: one.far }, dying), 'another', 15_000);
    }
    for (const one of talks) await bothHear(one);
    for (const { far, near } of spared)
      assert.deepEqual([far.reinvites.length, near.reinvites.length], [0, 0]);
    for (const { far, near } of hit) assert.deepEqual([far.reinvites.length, near.reinvites.length], [1, 1]);
    for (const { far } of talks) await far.hangup();
  });

  it('S3-08 a dead thread of the embedded relay: its calls go on, through a new one', async () => {
    let kill = async () => undefined as void;
    product = await Product.start({
      media: async (port) => {
        const engine = await runMediaEngine({
          listen: { address: loopback, port: 0 },
          addresses: { IP4: loopback },
          ports: [20_000, 60_000],
          dtmfLog: { address: loopback, port },
          threads: 2,
        });
        kill = () => engine.threads[0]?.kill() ?? Promise.resolve();
        return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
      },
    });
    product.product.events.on('changed', (view) => changes.push(view));
    const talks = [await talk(product, ['2001', '1001']), await talk(product, ['2002', '1002'])];
    await kill();
    const isMoved = ({ decisions }: CallView) => decisions.includes('media moved to another media engine');
    await talks[0]?.far.media.rtp.until(() => changes.some(isMoved), 'its call moves', 10_000);
    // It may get the ports that it had; then its phones need not be asked.
    for (const one of talks) await bothHear(one);
    // Each thread had one of the two.
    assert.equal(new Set(changes.filter(isMoved).map(({ id }) => id)).size, 1);
    for (const { far } of talks) await far.hangup();
  });
});
