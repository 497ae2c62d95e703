import assert from 'node:assert/strict';
import { defaultSettings, type FlipView } from '../src/switch/index.ts';
import { Phone, type PhoneOptions } from '../src/testing/phone.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { testCertificate } from '../src/testing/test-certificate.ts';
import { domain, Product } from './product.ts';

const trunkNumber = '+15550199';

/** Both hear each other, from here on. */
const talk = (a: PhoneCall, b: PhoneCall) =>
  Promise.all([a.media.rtp.hears(8, b.phone.name), b.media.rtp.hears(8, a.phone.name)]);

/** Offers that the far party was made within the call. */
const asked = (far: PhoneCall) => far.reinvites.filter(({ body }) => body.length > 0).length;

describe('flips with poor phones, other transports and trunks, by packets', function () {
  this.timeout(30_000);
  let product: Product;
  const flips: FlipView[] = [];
  const strangers: Phone[] = [];
  before(async () => {
    const { features } = defaultSettings;
    const codes = { ...features.codes, pull: ['*33', '*11'], push: ['*9', '*44'] };
    const push = { ...features.push, autoAnswer: true };
    product = await Product.start({
      listen: ['udp', 'tcp', 'tls', 'ws', 'wss'].map((protocol) => `${protocol}:127.0.0.1:0`),
      engine: { tls: testCertificate },
      settings: { features: { ...features, codes, push } },
    });
    product.product.events.on('flip', ({ flip }) => flips.push(flip));
    await product.directory.putNumber({ domain, number: '+15550100', target: '100' });
  });
  after(async () => {
    for (const phone of strangers) await phone.close();
    await product.close();
  });
  const phones: Phone[] = [];
  const open = async (name: string, options: PhoneOptions = {}): Promise<Phone> => {
    const phone = await product.phone(name, options);
    phones.push(phone);
    return phone;
  };
  beforeEach(() => {
    flips.length = 0;
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) {
      for (const call of phone.calls) if (call.state === 'answered') await call.hangup();
      await phone.unregister();
      await phone.close();
    }
    for (const { id } of product.directory.trunks(domain)) await product.directory.removeTrunk(id);
  });
  /** 2001 calls 100, which answers on 1001. */
  const talking = async (
    bob: PhoneOptions = {},
    desk: PhoneOptions = {},
  ): Promise<{ far: PhoneCall; old: PhoneCall }> => {
    const caller = await open('2001', bob);
    const callee = await open('1001', desk);
    const far = await caller.invite('100');
    const old = await callee.incoming();
    await old.answer();
    await far.answered();
    await talk(far, old);
    return { far, old };
  };
  /** Knows nothing but how to call. */
  const poor = (phone: Phone): Phone => Object.assign(phone, { allow: 'INVITE, ACK, BYE, CANCEL' });
  const unbroken = (far: PhoneCall) => {
    const { ssrcChanges, sequenceBreaks, missing } = far.media.rtp.analyse();
    assert.deepEqual([ssrcChanges, sequenceBreaks, missing, asked(far)], [0, 0, 0, 0]);
  };

  for (const protocol of ['tls', 'wss'] as const)
    it(`S3-13 between phones on ${protocol}, by pull and by push`, async () => {
      const { far, old } = await talking({ protocol }, { protocol });
      const mobile = await open('1002', { protocol });
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await old.ended();
      await talk(far, pulled);
      const desktop = await open('1003', { protocol });
      for (const digit of '*91003#') await pulled.info(digit);
      const pushed = await desktop.incoming();
      await pushed.answer();
      await pulled.ended();
      await talk(far, pushed);
      unbroken(far);
    });

  it('S1-55 S1-68 the poorest phones at all three ends: only INVITE, ACK, BYE, CANCEL, and no offer from the puller', async () => {
    const caller = poor(await open('2001'));
    const callee = poor(await open('1001'));
    const far = await caller.invite('100');
    const old = await callee.incoming();
    await old.answer();
    await far.answered();
    await talk(far, old);
    const mobile = poor(await open('1002'));
    const pulled = await mobile.invite('*33', { sdp: false });
    await pulled.answered();
    await old.ended();
    await talk(far, pulled);
    await pulled.media.rtp.press('*91001#', { duration: 60, pause: 40 });
    const back = await callee.incoming();
    await back.answer();
    await pulled.ended();
    await talk(far, back);
    unbroken(far);
    const methods = [far, old, pulled, back].flatMap((call) =>
      call.messages.flatMap(({ message, direction }) =>
        message.kind === 'request' && direction === 'in' ? [message.method] : [],
      ),
    );
    assert.deepEqual([...new Set(methods)].toSorted(), ['ACK', 'BYE', 'INVITE']);
    assert.equal(far.media.rtp.digits, '');
  });

  it('S1-06 the codes have aliases: *11 pulls, *44 pushes', async () => {
    const { far, old } = await talking();
    const mobile = await open('1002');
    const pulled = await mobile.invite('*11');
    await pulled.answered();
    await old.ended();
    await talk(far, pulled);
    for (const digit of '*441001#') await pulled.info(digit);
    const back = await old.phone.incoming();
    await back.answer();
    await pulled.ended();
    await talk(far, back);
    unbroken(far);
  });

  it('S3-06 a push straight to a chosen own device: asked to answer by itself, it does', async () => {
    const { far, old } = await talking();
    const mobile = await open('1002');
    for (const digit of '*91002#') await old.info(digit);
    const pushed = await mobile.incoming();
    assert.equal(pushed.invite?.headers.get('call-info'), `<sip:${domain}>;answer-after=0`);
    await pushed.answer();
    await old.ended();
    await talk(far, pushed);
    unbroken(far);
  });

  describe('INVITE with Replaces (RFC 3891)', () => {
    it('of a dialog that talks: the same swap; early-only is 486', async () => {
      const { far, old } = await talking();
      const mobile = await open('1002');
      const early = await mobile.invite('100', { replaces: old.dialog, earlyOnly: true });
      await early.ended();
      assert.equal(early.finalStatus, 486);
      const taken = await mobile.invite('100', { replaces: old.dialog });
      await taken.answered();
      await old.ended();
      await talk(far, taken);
      unbroken(far);
      assert.deepEqual([flips.at(-1)?.kind, flips.at(-1)?.result], ['replaces', 'moved']);
    });

    it('of one that rings, early-only: answered there, and the phone stops ringing', async () => {
      const bob = await open('2001');
      const desk = await open('1001');
      const mobile = await open('1002');
      const far = await bob.invite('1001');
      const ringing = await desk.incoming();
      await ringing.ring();
      await far.ringing();
      const taken = await mobile.invite('100', { replaces: ringing.dialog, earlyOnly: true });
      await Promise.all([taken.answered(), far.answered()]);
      await ringing.ended();
      await talk(far, taken);
    });

    it('S1-37 of somebody else’s: 403, and nothing has happened', async () => {
      const { far, old } = await talking();
      const stranger = await open('2002');
      const refused = await stranger.invite('100', { replaces: old.dialog });
      await refused.ended();
      assert.equal(refused.finalStatus, 403);
      await talk(far, old);
    });
  });

  describe('a codec that nobody can make: G.729, which the other party offered once', () => {
    const both: PhoneOptions = { codecs: ['PCMU', 'G729', 'telephone-event'] };
    const only: PhoneOptions = { codecs: ['G729', 'telephone-event'] };
    const g711: PhoneOptions = { codecs: ['PCMU', 'telephone-event'] };
    const spoken = (call: PhoneCall) => call.media.rtp.packets.at(-1)?.payloadType;

    it('S1-16 the other party is asked once by re-INVITE, and both talk', async () => {
      const { far, old } = await talking(both, g711);
      const mobile = await open('1002', only);
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await old.ended();
      await talk(far, pulled);
      assert.deepEqual([asked(far), spoken(far), spoken(pulled)], [1, 18, 18]);
    });

    for (const status of [488, 491, 500])
      it(`S1-67 it answers ${status}: the puller gets 488 without delay, and the two talk on`, async () => {
        const { far, old } = await talking(both, g711);
        far.reinviteStatus = status;
        const mobile = await open('1002', only);
        const refused = await mobile.invite('*33');
        await refused.ended(1500);
        assert.deepEqual([refused.finalStatus, refused.finalReason], [488, 'No common codec']);
        await talk(far, old);
        assert.deepEqual([asked(far), spoken(far)], [1, 0]);
        assert.equal(flips.at(-1)?.reason, 'No common codec');
      });
  });

  describe('S1-58 a trunk as the other party, which refuses every re-INVITE', () => {
    const carrier = async (options: PhoneOptions = {}): Promise<Phone> => {
      const phone = await Phone.open({
        name: trunkNumber,
        domain,
        rtp: true,
        server: product.server('udp'),
        ...options,
      });
      strangers.push(phone);
      const port = Number(/:(\d+)/.exec(phone.uri.split('@')[1] ?? '')?.[1]);
      const trunk = { id: 'lab', domain, name: 'lab', host: '127.0.0.1', port };
      await product.directory.putTrunk({ ...trunk, transport: 'udp', register: false });
      return phone;
    };

    it('a call that came in there: pulled and pushed as any other, and the trunk is never asked', async () => {
      const gateway = await carrier();
      const desk = await open('1001');
      const far = await gateway.invite('+15550100');
      const old = await desk.incoming();
      await old.answer();
      await far.answered();
      far.reinviteStatus = 488;
      await talk(far, old);
      const mobile = await open('1002', { codecs: ['PCMA', 'telephone-event'] });
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await old.ended();
      await far.media.rtp.hears(8);
      await pulled.media.rtp.hears(8);
      for (const digit of '*91001#') await pulled.info(digit);
      const back = await desk.incoming();
      await back.answer();
      await pulled.ended();
      await talk(far, back);
      unbroken(far);
    });

    it('X8 a call that went out there: the caller’s own side moves, and a hold of the device leaves it alone', async () => {
      const gateway = await carrier();
      const desk = await open('1001');
      const old = await desk.invite('+12125550123');
      const far = await gateway.incoming();
      await far.answer();
      await old.answered();
      far.reinviteStatus = 491;
      await talk(far, old);
      await old.hold();
      const mobile = await open('1002');
      const pulled = await mobile.invite('*33');
      await pulled.answered();
      await old.ended();
      await talk(far, pulled);
      assert.deepEqual([far.state, asked(far)], ['answered', 0]);
    });
  });
});
