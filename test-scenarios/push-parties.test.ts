import assert from 'node:assert/strict';
import type { Phone } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { defaultSettings } from '../src/switch/index.ts';
import { Product, twoUsers } from './product.ts';
import { oneStream } from './one-stream.ts';

const { features } = defaultSettings;

/** Keys as quick as a test may press them. */
const dial = (call: PhoneCall, keys: string) => call.media.rtp.press(keys, { duration: 60, pause: 40 });

/** Both hear each other, from here on. */
const talk = (a: PhoneCall, b: PhoneCall) =>
  Promise.all([a.media.rtp.hears(8, b.phone.name), b.media.rtp.hears(8, a.phone.name)]);

async function connect(from: Phone, number: string, to: Phone): Promise<[PhoneCall, PhoneCall]> {
  const out = await from.invite(number);
  const into = await to.incoming();
  await into.answer();
  await out.answered();
  await talk(out, into);
  return [out, into];
}

/** Ends with `leg` gone and `next` in its place; the far party saw and missed nothing. */
async function handedOver(far: PhoneCall, leg: PhoneCall, next: PhoneCall): Promise<void> {
  await leg.ended();
  await talk(far, next);
  assert.deepEqual([far.reinvites, far.state, next.state], [[], 'answered', 'answered']);
  oneStream(far.media.rtp);
  assert.equal(far.media.rtp.digits, '');
}

describe('push: whom it reaches and who leaves', () => {
  let product: Product;
  beforeEach(async () => {
    product = await Product.start({
      settings: { features: { ...features, push: { ...features.push, dialSeconds: 1, ringSeconds: 5 } } },
    });
  });
  afterEach(() => product.close());

  it('S0-23 S1-41 from the calling side, from the called side, and back again, in one call', async () => {
    const bob = await product.phone('2001');
    const desk = await product.phone('1001');
    const [first, far] = await connect(desk, '200', bob);
    const mobile = await product.phone('1002');
    await dial(first, '*91002#');
    const second = await mobile.incoming();
    await second.answer();
    await handedOver(far, first, second);
    await dial(second, '*91001#');
    const third = await desk.incoming();
    await third.answer();
    await handedOver(far, second, third);
    await third.hangup();
    await far.ended();
  });

  it('S0-34 to a group: the caller is neither held nor disconnected; the first member has the call', async () => {
    await product.close();
    const third = { extension: '300', name: 'Cyd', devices: [] as never[] };
    const devices = [1, 2].map((n) => ({
      extension: `300${n}`,
      name: `Phone ${n}`,
      password: `secret-300${n}`,
      kind: 'desk' as const,
      trusted: true,
    }));
    product = await Product.start({
      seed: {
        ...twoUsers,
        users: [...twoUsers.users, { ...third, devices }],
        groups: [{ extension: '600', name: 'Sales', ring: 'all', members: ['300'] }],
      },
    });
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const members = [await product.phone('3001'), await product.phone('3002')];
    await dial(leg, '*9600#');
    const [one, two] = await Promise.all(members.map((phone) => phone.incoming()));
    assert.ok(one && two);
    await one.ring();
    await two.answer();
    await one.ended();
    await handedOver(far, leg, two);
  });

  it('S1-04 *9#: all the other devices ring, whatever they are connected by; the first has it', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const app = await product.phone('1002', { protocol: 'tcp' });
    const browser = await product.phone('1003', { protocol: 'ws' });
    await dial(leg, '*9#');
    const [one, two] = await Promise.all([app.incoming(), browser.incoming()]);
    assert.ok(one && two);
    await one.ring();
    await two.answer();
    await one.ended();
    assert.match(one.endReason ?? '', /completed elsewhere/);
    await handedOver(far, leg, two);
  });

  it('S1-20 the pusher hangs up in the moment of the answer: the call goes on at the target', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const mobile = await product.phone('1002');
    await dial(leg, '*91002#');
    const pushed = await mobile.incoming();
    await Promise.all([pushed.answer(), leg.hangup()]);
    await talk(far, pushed);
    assert.deepEqual([far.state, pushed.state, far.reinvites], ['answered', 'answered', []]);
  });

  it('the pusher hangs up while it rings: the far party hears ringback, then the target', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const mobile = await product.phone('1002');
    await dial(leg, '*91002#');
    const pushed = await mobile.incoming();
    await pushed.ring();
    await leg.hangup();
    await far.media.rtp.until(() => far.media.rtp.toneShare(425, 100) > 0.5, 'ringback');
    await pushed.answer();
    await talk(far, pushed);
    await far.hangup();
    await pushed.ended();
  });

  it('the far party hangs up while it rings: the pusher is released, the target stops ringing', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const mobile = await product.phone('1002');
    await dial(leg, '*91002#');
    const pushed = await mobile.incoming();
    await pushed.ring();
    await far.hangup();
    await Promise.all([leg.ended(), pushed.ended()]);
    assert.equal(pushed.finalStatus, 487);
  });

  it('S0-29 a dialling pause, S0-66 a wrong extension: the error tone, and both talk on', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const { rtp } = leg.media;
    const errorTone = () => rtp.until(() => rtp.toneShare(400, 60) > 0.5, 'the error tone');
    await dial(leg, '*910');
    await errorTone();
    await talk(far, leg);
    await dial(leg, '*94711#');
    await errorTone();
    await talk(far, leg);
    assert.deepEqual([far.media.rtp.digits, leg.state], ['', 'answered']);
  });

  it('the target answers as * is pressed: nobody is left alone', async () => {
    const bob = await product.phone('2001');
    const [far, leg] = await connect(bob, '100', await product.phone('1001'));
    const mobile = await product.phone('1002');
    await dial(leg, '*91002#');
    const pushed = await mobile.incoming();
    await Promise.all([pushed.answer(), leg.info('*')]);
    await Promise.any([leg.ended(), pushed.ended()]);
    await talk(far, leg.state === 'ended' ? pushed : leg);
    assert.equal([leg, pushed].filter((c) => c.state === 'answered').length, 1);
  });

  it('S0-74 both users push their own calls at the same time', async () => {
    const names = ['1001', '1002', '2001', '2002', '1003', '2003'];
    const [a1, a2, b1, b2, a3, b3] = await Promise.all(names.map((name) => product.phone(name)));
    assert.ok(a1 && a2 && b1 && b2 && a3 && b3);
    const [farOfAda, ada] = await connect(b3, '1001', a1);
    const [farOfBob, bob] = await connect(a3, '2001', b1);
    await Promise.all([dial(ada, '*91002#'), dial(bob, '*92002#')]);
    const [toAda, toBob] = await Promise.all([a2.incoming(), b2.incoming()]);
    await Promise.all([toAda.answer(), toBob.answer()]);
    await Promise.all([handedOver(farOfAda, ada, toAda), handedOver(farOfBob, bob, toBob)]);
  });
});
