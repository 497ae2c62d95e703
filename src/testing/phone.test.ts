import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import {
  createResponse,
  parseMessage,
  parseParameters,
  printMessage,
  splitList,
  type SipRequest,
} from '../sip/message/index.ts';
import { Phone, type PhoneOptions } from './phone.ts';

describe('scripted phone', () => {
  const phones: Phone[] = [];
  const open = async (options: PhoneOptions = {}): Promise<Phone> => {
    const phone = await Phone.open({ t1: 50, ...options });
    phones.push(phone);
    return phone;
  };
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
  });

  for (const protocol of ['udp', 'tcp'] as const) {
    it(`calls another by address over ${protocol}, which rings, answers and is hung up on`, async () => {
      const ada = await open({ name: 'ada', protocol });
      const bob = await open({ name: 'bob', protocol });
      const call = await ada.invite(bob.uri);
      const there = await bob.incoming();
      await there.ring();
      await call.ringing();
      await there.answer();
      await call.answered();
      await bob.until(() => there.acknowledged, 'the ACK');
      const response = await call.hangup();
      assert.equal(response?.status, 200);
      await there.ended();
      assert.equal(there.endedBy, 'remote');
      assert.equal(bob.count('INVITE'), 1);
      assert.equal(bob.count('BYE'), 1);
    });
  }

  it('is hung up on by the called phone', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    bob.behaviour.rings = true;
    bob.behaviour.answers = true;
    const call = await (await ada.invite(bob.uri)).answered();
    const there = await bob.incoming();
    await bob.until(() => there.acknowledged, 'the ACK');
    await there.hangup([{ name: 'Reason', value: 'SIP;cause=200;text="done"' }]);
    await call.ended();
    assert.equal(call.endedBy, 'remote');
    assert.equal(call.endReason, 'SIP;cause=200;text="done"');
  });

  it('cancels, early or after ringing, and the called phone says 487 (RFC 3261 §9)', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    for (const early of [false, true]) {
      const call = await ada.invite(bob.uri);
      const there = await bob.incoming();
      if (!early) await there.ring();
      await call.cancel({ early, headers: [{ name: 'Reason', value: 'SIP;cause=200' }] });
      await there.ended();
      await call.ended();
      assert.equal(call.finalStatus, 487);
      assert.equal(there.endReason, 'SIP;cause=200');
      await bob.until(() => bob.count('ACK') === (early ? 2 : 1), 'the ACK of the 487');
    }
  });

  it('turns calls down and redirects them', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    const busy = await ada.invite(bob.uri);
    (await bob.incoming()).reject(486);
    await busy.ended();
    assert.equal(busy.finalStatus, 486);
    await assert.rejects(busy.answered(), /486[^]*INVITE/);
    const moved = await ada.invite(bob.uri);
    (await bob.incoming()).redirect('sip:carol@127.0.0.1');
    await moved.ended();
    assert.equal(moved.messages.at(-1)?.message.kind, 'request', 'the last message is the ACK');
    assert.equal((await moved.received(302)).headers.get('contact'), '<sip:carol@127.0.0.1>');
  });

  it('repeats an INVITE until it is answered, and a 200 until it is acknowledged (RFC 3261 §17.1.1, §13.3.1.4)', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    bob.behaviour.ignoresInvite = true;
    const ignored = await ada.invite(bob.uri);
    const repeats = () => bob.messages.filter((r) => r.repeated && r.direction === 'in').length;
    await bob.until(() => repeats() >= 2, 'two repeated INVITEs');
    assert.equal(bob.count('INVITE'), 1);
    assert.equal(ignored.state, 'calling');

    bob.behaviour.ignoresInvite = false;
    ada.behaviour.ackDelay = Infinity;
    const call = await ada.invite(bob.uri);
    const there = await bob.incoming();
    await there.answer();
    await ada.until(() => ada.messages.some((r) => r.repeated && r.direction === 'in'), 'a repeated 200');
    assert.equal(there.acknowledged, false);
    call.ack();
    await bob.until(() => there.acknowledged, 'the late ACK');
  });

  it('answers in both directions what a dialog may bring: re-INVITE, UPDATE, INFO, MESSAGE, OPTIONS', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    bob.behaviour.answers = true;
    const call = await (await ada.invite(bob.uri)).answered();
    const there = await bob.incoming();
    await bob.until(() => there.acknowledged, 'the ACK');
    assert.equal((await call.hold()).status, 200);
    assert.equal(call.media.direction, 'sendonly');
    assert.equal(there.media.direction, 'recvonly');
    assert.match(there.media.local ?? '', /a=recvonly/);
    assert.equal((await call.resume()).status, 200);
    assert.equal(there.media.direction, 'sendrecv');
    assert.equal((await there.reinvite({ sdp: false })).status, 200);
    assert.equal((await there.update()).status, 200);
    assert.equal((await call.info('5')).status, 200);
    assert.match((await bob.received('INFO')).body.toString(), /Signal=5/);
    assert.equal((await there.message('hallo')).status, 200);
    assert.equal((await call.options()).status, 200);
    there.reinviteStatus = 491;
    assert.equal((await call.reinvite()).status, 491);
    assert.equal(there.reinvites.length, 3);
    assert.equal(call.state, 'answered');
  });

  it('takes a call without an offer, and puts the answer into the ACK (RFC 3261 §13.2.1)', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    bob.behaviour.answers = true;
    const call = await (await ada.invite(bob.uri, { sdp: false })).answered();
    const there = await bob.incoming();
    await bob.until(() => there.acknowledged, 'the ACK');
    assert.ok((await bob.received('ACK')).body.length > 0);
    assert.equal(there.media.remote, call.media.local);
  });

  it('answers with what of the offer it knows, in the numbers of the offer (RFC 3264 §6.1)', async () => {
    const ada = await open({ name: 'ada', codecs: ['opus', 'G722', 'PCMA', 'telephone-event'] });
    const bob = await open({ name: 'bob', codecs: ['PCMU', 'PCMA', 'telephone-event'] });
    bob.behaviour.answers = true;
    const call = await (await ada.invite(bob.uri)).answered();
    assert.deepEqual(
      call.media.payloads.map((p) => p.rtpmap),
      ['PCMA/8000', 'telephone-event/8000'],
    );
  });

  it('follows a REFER with Replaces to the end, and the replaced call is hung up (RFC 3515, RFC 3891)', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    const carol = await open({ name: 'carol' });
    for (const phone of [bob, carol]) phone.behaviour.answers = true;
    const first = await (await ada.invite(bob.uri)).answered();
    const second = await (await ada.invite(carol.uri)).answered();
    const atCarol = await carol.incoming();
    assert.equal((await first.refer(carol.uri, { replaces: second })).status, 202);
    const moved = await carol.incoming();
    assert.equal(moved.state, 'answered');
    await atCarol.ended();
    await second.ended();
    await ada.until(() => first.notifies.includes('200 OK'), 'the outcome of the REFER');
    assert.equal(first.notifies[0], '100 Trying');
    await first.hangup();
  });

  it('rings reliably and is acknowledged with PRACK (RFC 3262)', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    const call = await ada.invite(bob.uri);
    const there = await bob.incoming();
    await there.ring({ reliable: true, sdp: true });
    const prack = await bob.received('PRACK');
    assert.match(prack.headers.get('rack') ?? '', /^\d+ \d+ INVITE$/);
    await there.answer();
    await call.answered();
  });

  it('sends and takes messages outside calls', async () => {
    const ada = await open({ name: 'ada' });
    const bob = await open({ name: 'bob' });
    assert.equal((await ada.message(bob.uri, 'grüße')).status, 200);
    assert.equal((await bob.received('MESSAGE')).body.toString(), 'grüße');
    assert.match((await ada.options(bob.uri)).headers.get('allow') ?? '', /REFER/);
  });

  it('answers a challenge, with the algorithm it knows, and counts its nonces (RFC 7616 §3.4)', async () => {
    const registrar = await open({ name: 'registrar' });
    const seen: Map<string, string | undefined>[] = [];
    registrar.onRequest = (request: SipRequest, respond) => {
      const value = request.headers.get('authorization');
      if (value === undefined) {
        const challenge = (algorithm: string) => ({
          name: 'WWW-Authenticate',
          value: `Digest realm="test", nonce="n1", algorithm=${algorithm}, qop="auth", opaque="o"`,
        });
        respond(401, [challenge('SHA-512-256'), challenge('SHA-256'), challenge('MD5')]);
        return true;
      }
      const fields = splitList(value.replace(/^Digest /, '')).map((field) => `;${field}`);
      const read = new Map(fields.flatMap((field) => [...(parseParameters(field) ?? [])]));
      seen.push(read);
      const hash = (text: string) =>
        createHash(read.get('algorithm') === 'MD5' ? 'md5' : 'sha256')
          .update(text)
          .digest('hex');
      const plain = (name: string) => (read.get(name) ?? '').replaceAll('"', '');
      const expected = hash(
        [
          hash('1001:test:secret'),
          'n1',
          plain('nc'),
          plain('cnonce'),
          'auth',
          hash(`REGISTER:${plain('uri')}`),
        ].join(':'),
      );
      respond(plain('response') === expected ? 200 : 403);
      return true;
    };
    const [address = '', port = ''] = registrar.domain.split(':');
    const server = { address, port: Number(port) };
    const phone = await open({ name: '1001', password: 'secret', server, reuseNonce: true });
    await phone.register();
    await phone.register();
    assert.equal(seen[0]?.get('algorithm'), 'SHA-256');
    assert.deepEqual(
      seen.map((fields) => fields.get('nc')),
      ['00000001', '00000002'],
    );
    const old = await open({ name: '1001', password: 'secret', server, algorithms: ['MD5'] });
    await old.register();
    assert.equal(seen[2]?.get('algorithm'), 'MD5');
    const wrong = await open({ name: '1001', password: 'wrong', server });
    await assert.rejects(wrong.register(), /REGISTER got 403/);
  });

  it('registers over a WebSocket, under a name that nobody can resolve (RFC 7118)', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    server.on('connection', (socket) => {
      assert.equal(socket.protocol, 'sip');
      socket.on('message', (data: Buffer) => {
        const result = parseMessage(data);
        assert.ok(result.ok && result.message.kind === 'request');
        socket.send(printMessage(createResponse(result.message, 200)).toString());
      });
    });
    const { port } = server.address() as AddressInfo;
    const phone = await open({ name: 'web', protocol: 'ws', server: { address: '127.0.0.1', port } });
    await phone.register();
    const register = phone.messages[0]?.message;
    assert.match(register?.headers.get('via') ?? '', /^SIP\/2\.0\/WS [-0-9a-f]+\.invalid;/);
    assert.match(register?.headers.get('contact') ?? '', /\.invalid;transport=ws>/);
    phone.drop();
    server.close();
    await once(server, 'close');
  });

  it('speaks and hears: RTP both ways, a digit, silence in the held direction', async () => {
    const ada = await open({ name: 'ada', rtp: true });
    const bob = await open({ name: 'bob', rtp: true, codecs: ['PCMA', 'telephone-event'] });
    bob.behaviour.answers = true;
    const call = await (await ada.invite(bob.uri)).answered();
    const there = await bob.incoming();
    await call.media.rtp.hears(5, 'bob');
    await there.media.rtp.hears(5, 'ada');
    assert.equal(there.media.rtp.packets.at(-1)?.payloadType, 8);
    await call.media.rtp.press('7');
    await there.media.rtp.until(() => there.media.rtp.digits === '7', 'the digit');
    await call.hold();
    assert.equal(there.media.direction, 'recvonly');
    await there.media.rtp.hears(5, 'ada');
  });

  it('is dead when told so, and says what it saw when a wait is in vain', async () => {
    const ada = await open({ name: 'ada', t1: 5 });
    const bob = await open({ name: 'bob' });
    bob.die();
    const call = await ada.invite(bob.uri);
    await assert.rejects(
      call.ringing(30),
      /ada: waited 30 ms for .* to ring\n +\d\.\d+ ada --> 127\.0\.0\.1:\d+ INVITE sip:bob/,
    );
    await call.ended();
    assert.equal(call.finalStatus, 408);
    assert.equal(bob.messages.length, 0);
  });

  it('ignores BYE and changes its Via where it is a poor phone', async () => {
    const ada = await open({ name: 'ada', t1: 5 });
    const bob = await open({ name: 'bob' });
    bob.behaviour.answers = true;
    bob.behaviour.ignoresBye = true;
    ada.behaviour.rewriteVia = (via, request) =>
      request.method === 'CANCEL' ? via.replace(/UDP [^;]+/, 'UDP 10.0.0.1:5062') : via;
    const call = await (await ada.invite(bob.uri)).answered();
    assert.equal(await call.hangup(), undefined);
    assert.equal((await bob.incoming()).state, 'answered');
    bob.behaviour.answers = false;
    const second = await ada.invite(bob.uri);
    await (await bob.incoming()).ring();
    await second.cancel();
    const cancel = await bob.received('CANCEL');
    assert.match(cancel.headers.get('via') ?? '', /UDP 10\.0\.0\.1:5062;branch=/);
  });
});
