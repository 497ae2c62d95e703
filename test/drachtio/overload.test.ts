import assert from 'node:assert/strict';
import { silentLogger, systemRandom } from '../../src/base/index.ts';
import { runEngine, type Engine } from '../../src/drachtio/engine.ts';
import { systemResolver } from '../../src/net/index.ts';
import type { SipMessage } from '../../src/sip/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { AdminClient } from './admin-client.ts';
import { SipPeer } from './sip-peer.ts';

const secret = 'cymru';

describe('overload of an application, seen by the signaling engine (RFC 7339)', () => {
  const clock = new VirtualClock();
  let engine: Engine;
  let app: AdminClient;
  let caller: SipPeer;
  let port: number;

  const start = async (limits = {}): Promise<void> => {
    engine = await runEngine({ listen: ['udp:127.0.0.1:0'], admin: { secret }, limits }, silentLogger, {
      clock,
      random: systemRandom,
      resolver: systemResolver(),
      fetch: () => Promise.reject(new Error('nobody is asked')),
    });
    port = engine.listeners[0]?.port ?? 0;
    app = await AdminClient.open(engine.admin.port, secret, 'invite', 'message');
    caller = await SipPeer.open();
  };

  afterEach(async () => {
    app.close();
    caller.close();
    await engine.close();
  });

  /** The INVITE as it came out: with the application, or refused by the engine. */
  const invite = async (extra = {}) => {
    const sent = caller.request(port, 'INVITE', extra);
    const callId = sent.headers.get('call-id') ?? '';
    return await Promise.race([
      app
        .next(({ sip }) => sip.startsWith('INVITE ') && sip.includes(callId))
        .then(({ tokens }) => ({ to: 'application' as const, txn: tokens[8] ?? '' })),
      caller
        .next((m) => m.kind === 'response' && m.status === 503 && m.headers.get('call-id') === callId)
        .then((refused) => ({ to: 'nobody' as const, refused })),
    ]);
  };

  type Arrived = Awaited<ReturnType<typeof invite>>;

  /** Ten INVITEs at once, all of which the application answers only when that much time has passed. */
  const ten = async (afterMs: number, answer: string): Promise<readonly Arrived[]> => {
    const arrived: Arrived[] = [];
    for (let i = 0; i < 10; i++) arrived.push(await invite());
    clock.advance(afterMs);
    for (const one of arrived)
      if (one.to === 'application') await app.command(`sip|${one.txn}|\r\n${answer}\r\n\r\n`);
    return arrived;
  };
  const refusedOf = (all: readonly Arrived[]) => all.filter(({ to }) => to === 'nobody').length;

  const challenge = 'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="x", nonce="y"';

  it('keeps new INVITEs from an application whose prompt answers are all late, 503 with Retry-After', async () => {
    await start();
    let refused = 0;
    for (let round = 0; round < 12; round++) refused += refusedOf(await ten(400, challenge));
    assert.ok(refused > 20, `${refused} of 120`);
    assert.equal(engine.stats().invitesShed, refused);
    const all: Arrived[] = [];
    for (let i = 0; i < 30; i++) all.push(await invite());
    const [first] = all.flatMap((one) => (one.to === 'nobody' ? [one.refused] : []));
    assert.match(first?.headers.get('retry-after') ?? '', /^[2-5]$/);
  });

  it('holds REGISTERs back before it refuses a call, those that bring no credentials first', async () => {
    await start();
    app.close();
    app = await AdminClient.open(engine.admin.port, secret, 'invite', 'register');
    const answerable = { Authorization: 'Digest username="1001"' };
    const taken = { plain: 0, answerable: 0 };
    /** So many REGISTERs, every fourth with credentials; the application answers those that it gets 200 ms later. */
    const registers = async (count: number): Promise<void> => {
      const transactions: string[] = [];
      for (let i = 0; i < count; i++) {
        const isPlain = i % 4 > 0;
        const sent = caller.request(port, 'REGISTER', isPlain ? {} : answerable);
        const callId = sent.headers.get('call-id') ?? '';
        const arrived = await Promise.race([
          app.next(({ sip }) => sip.startsWith('REGISTER ') && sip.includes(callId)),
          caller.next((m) => m.kind === 'response' && m.headers.get('call-id') === callId).then(retryLater),
        ]);
        if (arrived === undefined) continue;
        transactions.push(arrived.tokens[8] ?? '');
        taken[isPlain ? 'plain' : 'answerable'] += 1;
      }
      clock.advance(200);
      for (const id of transactions) await app.command(`sip|${id}|\r\n${challenge}\r\n\r\n`);
    };
    const retryLater = (response: SipMessage): undefined => {
      assert.ok(response.kind === 'response' && response.status === 503);
      assert.match(response.headers.get('retry-after') ?? '', /^([5-9]|1[0-4])$/);
    };
    for (let round = 0; round < 10; round++) await registers(320);
    assert.ok(taken.answerable > 700, `${taken.answerable} of 800 with credentials`);
    assert.ok(taken.plain < 2200, `${taken.plain} of 2400 without`);
    assert.equal(engine.stats().registersShed, 3200 - taken.plain - taken.answerable);
    const call = await invite();
    assert.equal(call.to, 'application');
    assert.equal(engine.stats().invitesShed, 0);
  });

  it('never holds back what is in a dialog, nor any other method', async () => {
    await start();
    const sdp = 'v=0\r\n';
    const sent = caller.request(port, 'INVITE', { body: sdp });
    const { tokens } = await app.event('INVITE ');
    await app.command(`sip|${tokens[8]}|\r\nSIP/2.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n${sdp}`);
    const ok = await caller.nextResponse(200);
    for (let round = 0; round < 12; round++) await ten(400, challenge);
    assert.ok(engine.stats().invitesShed > 0);
    caller.inDialog(sent, ok, '1 ACK');
    await app.event('ACK ');
    caller.request(port, 'MESSAGE');
    await app.event('MESSAGE ');
    caller.inDialog(sent, ok, '2 BYE');
    await app.event('BYE ');
  });

  it('hands on little more than the application takes when that answers 503 with Retry-After itself', async () => {
    await start();
    const busy = 'SIP/2.0 503 Overloaded\r\nRetry-After: 3';
    let refused = 0;
    for (let round = 0; round < 30; round++) refused += refusedOf(await ten(25, busy));
    assert.ok(refused > 100, `${refused} of 300`);
    // It is over: nothing is refused any more, and soon the limit is forgotten.
    for (let round = 0; round < 50; round++) await ten(100, challenge);
    assert.equal(refusedOf(await ten(100, challenge)), 0);
  });

  it('holds nothing back while some answers come in time, nor when it is told not to', async () => {
    await start();
    for (let round = 0; round < 12; round++) {
      assert.equal(
        refusedOf(await ten(400, 'SIP/2.0 486 Busy Here')),
        0,
        'a busy phone may have rung for long',
      );
      assert.equal(refusedOf(await ten(5, challenge)), 0);
    }
    await engine.close();
    app.close();
    caller.close();
    await start({ applicationLateMs: 0 });
    for (let round = 0; round < 12; round++) assert.equal(refusedOf(await ten(400, challenge)), 0);
  });

  it('refuses a retransmission as it refused the INVITE, whatever the application takes meanwhile', async () => {
    await start();
    for (let round = 0; round < 12; round++) await ten(400, challenge);
    let refused: Arrived = await invite();
    const headers = { Via: `SIP/2.0/UDP 127.0.0.1:${caller.port};branch=z9hG4bK-again`, 'Call-ID': 'again' };
    for (let i = 0; i < 50 && refused.to !== 'nobody'; i++)
      refused = await invite({ ...headers, Via: `${headers.Via}${i}` });
    assert.ok(refused.to === 'nobody');
    const branch = refused.refused.headers.get('via') ?? '';
    // Nothing is late any more, and nobody came for a while.
    clock.advance(5000);
    const before = engine.stats().invitesShed;
    caller.request(port, 'INVITE', {
      Via: branch.replace(/;received=[^;]*|;rport=\d*/g, ''),
      'Call-ID': 'x',
    });
    const again = await caller.nextResponse(503, 'INVITE');
    assert.match(again.headers.get('retry-after') ?? '', /^[2-5]$/);
    assert.equal(engine.stats().invitesShed, before, 'not asked again');
    assert.equal((await invite()).to, 'application');
  });
});
