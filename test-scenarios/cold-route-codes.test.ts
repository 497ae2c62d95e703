import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random } from '../src/base/index.ts';
import { openDatabase, openKept } from '../src/stores/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { Product } from './product.ts';

const devices = ['1001', '1002', '1003'];

/** Dials a code, hears the beep, and is hung up. */
async function beeped(phone: Phone, code: string): Promise<PhoneCall> {
  const call = await phone.invite(code);
  await call.answered();
  const { rtp } = call.media;
  await rtp.until(() => rtp.toneShare(1000) > 0.5, 'the beep');
  await call.ended();
  assert.equal(call.endedBy, 'remote');
  return call;
}

/** Who rings when somebody calls user 100: those that must, and a look at the others when they have. */
async function rings(caller: Phone, phones: readonly Phone[], meant: readonly string[]): Promise<void> {
  const before = phones.map((phone) => phone.rung.length);
  const call = await caller.invite('100');
  for (const phone of phones.filter((p) => meant.includes(p.name))) await (await phone.incoming()).ring();
  await call.ringing();
  await call.cancel();
  await call.ended();
  const rang = phones.filter((phone, i) => phone.rung.length > (before[i] ?? 0)).map((phone) => phone.name);
  assert.deepEqual(rang, meant);
}

describe('cold routes through the whole product', () => {
  let product: Product;
  let bob: Phone;
  let phones: Phone[];
  beforeEach(async () => {
    product = await Product.start();
    bob = await product.phone('2001');
    phones = [];
    for (const name of devices) phones.push(await product.phone(name));
  });
  afterEach(() => product.close());
  const phone = (name: string): Phone => {
    const found = phones.find((p) => p.name === name);
    assert.ok(found);
    return found;
  };

  it('S0-40 S0-42 S0-43 S0-44 S0-59 *50, S0-48 S0-60 *49EXT and S0-53 S0-61 *51, each with its beep', async () => {
    await rings(bob, phones, devices);
    await beeped(phone('1002'), '*50');
    await rings(bob, phones, ['1002']);
    await beeped(phone('1001'), '*491003');
    await rings(bob, phones, ['1003']);
    await beeped(phone('1002'), '*51');
    await rings(bob, phones, devices);
  });

  it('X5 wrong ones are refused with the reason that a phone shows, and without a beep', async () => {
    const outcomes: unknown[] = [];
    for (const code of ['*499999', '*492001']) {
      const call = await phone('1001').invite(code);
      await call.ended();
      outcomes.push([call.finalStatus, call.finalReason]);
    }
    assert.deepEqual(outcomes, [
      [404, 'No such device'],
      [403, 'Not your device'],
    ]);
    await rings(bob, phones, devices);
  });

  it('S0-51 X12 a target that is away rings the moment it registers, and nobody else meanwhile', async () => {
    await phone('1003').unregister();
    await beeped(phone('1001'), '*491003');
    const far = await bob.invite('100');
    await far.ringing();
    await phone('1003').register();
    const call = await phone('1003').incoming();
    await call.answer();
    await far.answered();
    await far.media.rtp.hears(5, '1003');
    assert.deepEqual(
      phones.map((p) => p.rung.length),
      [0, 0, 1],
    );
    await far.hangup();
    await call.ended();
  });

  it('S1-55 a phone without an offer in its INVITE hears the beep too (RFC 3264 §4)', async () => {
    const call = await phone('1001').invite('*50', { sdp: false });
    await call.answered();
    const { rtp } = call.media;
    await rtp.until(() => rtp.toneShare(1000) > 0.5, 'the beep');
    await call.ended();
    await rings(bob, phones, ['1001']);
  });
});

describe('cold routes and a restart', () => {
  it('S0-37 S0-69 the route is there after the switch was started again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flipswitch-'));
    try {
      const first = await started(join(folder, 'flipswitch.db'));
      await beeped(first.phone, '*50');
      await first.close();
      const second = await started(join(folder, 'flipswitch.db'));
      const bob = await second.product.phone('2001');
      const mobile = await second.product.phone('1002');
      await rings(bob, [second.phone, mobile], ['1001']);
      await second.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  async function started(file: string) {
    const database = await openDatabase(file);
    const { coldRoutes } = await openKept({ database, engine: 'sqlite', clock, random });
    const product = await Product.start({ coldRoutes });
    const phone = await product.phone('1001');
    return {
      product,
      phone,
      close: async () => {
        await product.close();
        await database.destroy();
      },
    };
  }
});
