import assert from 'node:assert/strict';
import type { Trunk } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/virtual-clock.ts';
import { defaultSettings } from '../call/settings.ts';
import type { FakeIncoming, FakeOutgoing } from '../testing/fake-phones.ts';
import { domain, settle, World } from '../testing/world.ts';

const number = '+4930123456';
const trunk = (name: string, more: Partial<Trunk> = {}): Trunk => ({
  id: name,
  domain,
  name,
  host: `${name}.example`,
  port: 5060,
  transport: 'udp',
  register: false,
  ...more,
});
const challenge = {
  status: 407,
  value:
    'Digest realm="carrier", nonce="n1", qop="auth", algorithm=SHA-256,Digest realm="carrier", nonce="n1", qop="auth", algorithm=MD5',
} as const;

describe('calls over trunks, on virtual time', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
  });
  afterEach(() => world.close());

  /** The INVITEs that went to a trunk's gateway, oldest first. */
  const at = (host: string): FakeOutgoing[] =>
    world.phones.sent.filter(({ invitation }) => invitation.route.uri.includes(`@${host}`));
  const dial = (): Promise<FakeIncoming> => world.dial('1001', number);

  describe('fail-over', () => {
    beforeEach(async () => {
      await world.directory.putTrunk(
        trunk('one', { more: [{ host: 'one-b.example' }], routes: [{ pattern: '*', order: 1 }] }),
      );
      await world.directory.putTrunk(trunk('two', { routes: [{ pattern: '*', order: 2 }] }));
    });

    for (const status of [408, 500, 503])
      it(`S2-43 ${status}: the next gateway, then the next trunk, and the call goes on there`, async () => {
        const call = await dial();
        at('one.example')[0]?.fail(status);
        await settle();
        assert.equal(at('two.example').length, 0, 'one after the other');
        at('one-b.example')[0]?.fail(status);
        await settle();
        at('two.example')[0]?.ring();
        at('two.example')[0]?.answer();
        await settle();
        assert.equal(call.final?.status, 200);
        assert.deepEqual(
          call.progresses.filter((said) => said === 180),
          [180],
          'one ringing, whatever it took',
        );
      });

    for (const status of [404, 486, 603])
      it(`${status} is the person's word, and nobody else is tried`, async () => {
        const call = await dial();
        at('one.example')[0]?.fail(status);
        await settle();
        assert.equal(world.phones.sent.length, 1);
        assert.equal(call.final?.status, status);
      });

    it('a gateway that says nothing is given up after its patience; a late answer of it gets a BYE', async () => {
      const call = await dial();
      await world.pass(9_990);
      assert.equal(at('one-b.example').length, 0);
      await world.pass(20);
      const [late] = at('one.example');
      assert.equal(late?.cancelled?.cause, 408);
      assert.equal(at('one-b.example').length, 1);
      const dialog = late?.answer();
      await settle();
      assert.equal(dialog?.up, false, 'a late answer talks to nobody');
      at('one-b.example')[0]?.answer();
      await settle();
      assert.equal(call.final?.status, 200);
    });

    it('one that rings is waited for', async () => {
      await dial();
      await world.pass(5_000);
      at('one.example')[0]?.ring();
      await world.pass(40_000);
      assert.equal(at('one.example')[0]?.cancelled, undefined);
      assert.equal(at('one-b.example').length, 0);
    });

    it('the failed one rests: the next call begins with another; after its rest, or Retry-After, it is first again', async () => {
      await dial();
      at('one.example')[0]?.fail(503, [], { retryAfter: 120 });
      await settle();
      at('one-b.example')[0]?.fail(486);
      await world.pass(60_000);
      await dial();
      assert.equal(at('one.example').length, 1);
      assert.equal(at('one-b.example').length, 2);
      at('one-b.example')[1]?.fail(486);
      await world.pass(60_010);
      await dial();
      assert.equal(at('one.example').length, 2);
    });

    it('all of them fail: the caller is told', async () => {
      const call = await dial();
      for (const host of ['one.example', 'one-b.example', 'two.example']) {
        at(host)[0]?.fail(503);
        await settle();
      }
      assert.equal(call.final?.status, 480);
      assert.equal(world.core.calls.size, 0);
    });

    it('the caller hangs up while the second is tried: it is cancelled, and no third one is', async () => {
      const call = await dial();
      at('one.example')[0]?.fail(503);
      await settle();
      call.cancel();
      await settle();
      assert.ok(at('one-b.example')[0]?.cancelled);
      at('one-b.example')[0]?.fail(487);
      await settle();
      assert.equal(at('two.example').length, 0);
    });
  });

  describe('digest, both algorithms (RFC 3261 §22.2, RFC 8760)', () => {
    beforeEach(() =>
      world.directory.putTrunk(trunk('one', { username: 'account', password: 'secret of it' })),
    );
    const header = (sent: FakeOutgoing | undefined, name: string) => sent?.invitation.headers[name] ?? '';

    it('answers with the strongest, in the same call with the next CSeq; then the call is as any other', async () => {
      const call = await dial();
      at('one.example')[0]?.fail(407, [], { challenge });
      await settle();
      const [first, second] = at('one.example');
      assert.match(
        header(second, 'Proxy-Authorization'),
        /username="account".*algorithm=SHA-256.*nc=00000001/,
      );
      for (const name of ['Call-ID', 'From']) assert.equal(header(second, name), header(first, name));
      assert.deepEqual([header(first, 'CSeq'), header(second, 'CSeq')], ['1 INVITE', '2 INVITE']);
      const dialog = second?.answer();
      await settle();
      assert.equal(call.final?.status, 200);
      call.dialog.hangUp();
      await settle();
      assert.match(
        dialog?.byeHeaders['Proxy-Authorization'] ?? '',
        /nc=00000002/,
        'a BYE is not challenged first',
      );
    });

    it('a challenge inside the call is answered too', async () => {
      const call = await dial();
      at('one.example')[0]?.fail(407, [], { challenge });
      await settle();
      const dialog = at('one.example')[1]?.answer();
      await settle();
      assert.ok(dialog !== undefined);
      dialog.challenge = { status: 407, value: 'Digest realm="carrier", nonce="n2", qop="auth", stale=true' };
      void call.dialog.send('INFO', 'Signal=1', { 'Content-Type': 'application/dtmf-relay' });
      const talking = [...world.core.calls.all()][0]?.callee.leg?.dialog;
      const outcome = await talking?.request('INFO', { body: 'Signal=2' });
      assert.equal(outcome?.status, 200);
      assert.match(dialog.requests.at(-1)?.headers['Proxy-Authorization'] ?? '', /nonce="n2"/);
    });

    it('a wrong password is said once, not for ever, and the trunk rests', async () => {
      const call = await dial();
      for (let i = 0; i < 2; i++) {
        at('one.example')[i]?.fail(407, [], { challenge });
        await settle();
      }
      assert.equal(at('one.example').length, 2);
      assert.equal(call.final?.status, 480);
    });

    it('a stale nonce is answered once more', async () => {
      await dial();
      const stale = { status: 407, value: `${challenge.value}, stale=true` } as const;
      at('one.example')[0]?.fail(407, [], { challenge });
      await settle();
      at('one.example')[1]?.fail(407, [], { challenge: stale });
      await settle();
      assert.equal(at('one.example').length, 3);
    });

    it('a caller who hangs up at that moment calls nobody', async () => {
      const call = await dial();
      call.cancel();
      await settle();
      at('one.example')[0]?.fail(407, [], { challenge });
      await settle();
      assert.equal(at('one.example').length, 1);
    });
  });

  it('an emergency number passes an extension of that name', async () => {
    await world.directory.putTrunk(trunk('one'));
    await world.directory.putUser({ id: 'u112', domain, extension: '112', name: 'Room 112' });
    const call = await world.dial('1001', '112');
    assert.equal(at('one.example')[0]?.invitation.route.uri, 'sip:112@one.example:5060');
    call.cancel();
    await settle();
  });

  it('an emergency number passes every limit, which holds all others up', async () => {
    const { limits } = defaultSettings;
    const full = await World.create(new VirtualClock(), { limits: { ...limits, calls: 0, callsPerUser: 0 } });
    await full.directory.putTrunk(trunk('one'));
    assert.equal((await full.dial('1001', number)).final?.status, 503);
    const call = await full.dial('1001', '112');
    assert.equal(full.phones.sent[0]?.invitation.route.uri, 'sip:112@one.example:5060');
    call.cancel();
    await settle();
    full.close();
  });

  it('S1-58 a caller of one trunk is not sent out over another', async () => {
    await world.directory.putTrunk(trunk('one'));
    const gateway = world.directory.trunk(domain, 'one') ?? trunk('one');
    const { FakeIncoming: Incoming } = await import('../testing/fake-phones.ts');
    const call = new Incoming({ kind: 'trunk', trunk: gateway, number: '+12125550123', name: '' });
    world.send(call, number);
    await settle();
    assert.equal(call.final?.status, 404);
    assert.equal(world.phones.sent.length, 0);
  });
});
