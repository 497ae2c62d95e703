import assert from 'node:assert/strict';
import { Product, twoUsers } from './product.ts';
import { haveRtpengine, startRtpengine } from './rtpengine.ts';

const cleo = {
  extension: '300',
  name: 'Cleo',
  devices: [
    {
      extension: '3001',
      name: 'Desk phone',
      password: 'secret-3001',
      kind: 'desk' as const,
      trusted: true,
    },
  ],
};

for (const engine of ['embedded', 'rtpengine'] as const)
  describe(`transfers by the phone’s own key, on ${engine}, by packets`, () => {
    let product: Product;
    before(function () {
      if (engine === 'embedded' || haveRtpengine) return;
      process.stderr.write('skipped: rtpengine is not installed\n');
      this.skip();
    });
    beforeEach(async () => {
      product = await Product.start({
        seed: { ...twoUsers, users: [...twoUsers.users, cleo] },
        ...(engine === 'embedded' ? {} : { media: startRtpengine }),
      });
    });
    afterEach(() => product.close());

    it('S1-43 S1-47 after consultation: the caller talks with who was asked, and was never asked itself', async () => {
      const bob = await product.phone('2001');
      const desk = await product.phone('1001');
      const asked = await product.phone('3001');
      const far = await bob.invite('100');
      const old = await desk.incoming();
      await old.answer();
      await far.answered();
      await far.media.rtp.hears(5, '1001');
      await old.hold();
      const asking = await desk.invite('300');
      const third = await asked.incoming();
      await third.answer();
      await asking.answered();
      await third.media.rtp.hears(5, '1001');
      const said = await old.refer('sip:300@pbx.test', { replaces: asking });
      assert.equal(said.status, 202);
      await far.media.rtp.hears(10, '3001');
      await third.media.rtp.hears(10, '2001');
      await Promise.all([old.ended(), asking.ended()]);
      assert.equal(old.notifies.at(-1), '200 OK');
      assert.deepEqual([far.reinvites.length, far.state, third.state], [0, 'answered', 'answered']);
      await far.hangup();
      await third.ended();
    });

    it('S1-42 blind: the colleague rings, and talks with the caller', async () => {
      const bob = await product.phone('2001');
      const desk = await product.phone('1001');
      const colleague = await product.phone('3001');
      const far = await bob.invite('100');
      const old = await desk.incoming();
      await old.answer();
      await far.answered();
      const said = await old.refer('sip:300@pbx.test');
      assert.equal(said.status, 202);
      const third = await colleague.incoming();
      await third.answer();
      await far.media.rtp.hears(10, '3001');
      await third.media.rtp.hears(10, '2001');
      await old.ended();
      assert.equal(far.reinvites.length, 0);
    });
  });

describe('texts outside calls through the whole product (RFC 3428)', () => {
  let product: Product;
  beforeEach(async () => {
    product = await Product.start();
  });
  afterEach(() => product.close());

  it('reach every phone of the user, and none of a stranger’s are taken', async () => {
    const phones = await Promise.all(['2001', '2002'].map((name) => product.phone(name)));
    const desk = await product.phone('1001');
    const texts: string[] = [];
    for (const phone of phones)
      phone.onRequest = (request, respond) => {
        if (request.method !== 'MESSAGE') return false;
        texts.push(`${request.headers.get('from')?.split(';')[0]} ${request.body.toString()}`);
        respond(200);
        return true;
      };
    const answer = await desk.message('200', 'lunch?');
    assert.equal(answer.status, 200);
    for (const phone of phones) await phone.received('MESSAGE');
    assert.deepEqual(texts, Array(2).fill('"Ada" <sip:100@pbx.test> lunch?'));
    assert.equal((await desk.message('100', 'nobody else is there')).status, 480);
    assert.equal((await desk.message('999', '?')).status, 404);
  });
});
