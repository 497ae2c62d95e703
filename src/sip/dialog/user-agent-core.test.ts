import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { SipAgent, SipNetwork, VirtualClock } from '../../testing/index.ts';
import type { AgentRequest } from '../../testing/index.ts';
import { createRequest, createResponse, setToTag } from '../message/index.ts';
import type { Dialog, UserAgentOptions } from './types.ts';

const sdp = Buffer.from(
  'v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n',
);
const sdpType = { name: 'Content-Type', value: 'application/sdp' };
const field = (name: string, value: string) => ({ name, value });

const world = (protocol: 'udp' | 'tcp' = 'udp', options: Partial<UserAgentOptions> = {}) => {
  const clock = new VirtualClock();
  const network = new SipNetwork(clock);
  const a = new SipAgent(network.endpoint('10.0.0.1', protocol), clock, { seed: 1, ...options });
  const b = new SipAgent(network.endpoint('10.0.0.2', protocol), clock, { seed: 2, ...options });
  const tail = protocol === 'tcp' ? ';transport=tcp' : '';
  const uri = `sip:bob@10.0.0.2${tail}`;
  const invite = (headers: { name: string; value: string }[] = []): AgentRequest =>
    a.send({ method: 'INVITE', uri, headers: [sdpType, ...headers], body: sdp });
  const end = (): void => {
    clock.advance(200_000);
    assert.equal(clock.pending, 0, 'timers are left');
    for (const { core } of [a, b]) {
      const { dialogs, waiting, outgoing } = core.describe() as Record<string, number>;
      assert.deepEqual({ dialogs, waiting, outgoing }, { dialogs: 0, waiting: 0, outgoing: 0 });
    }
  };
  return { clock, network, a, b, invite, end, uri };
};

type World = ReturnType<typeof world>;

const answer = ({ b }: Pick<World, 'b'>, headers: { name: string; value: string }[] = []): void => {
  const incoming = b.requests.at(-1) ?? assert.fail('no request');
  b.core.respond(incoming, { status: 200, headers: [sdpType, ...headers], body: sdp });
};

const setUp = (
  w: World,
  headers: { name: string; value: string }[] = [],
): { ours: Dialog; theirs: Dialog } => {
  const call = w.invite(headers);
  w.clock.advance(20);
  answer(w);
  w.clock.advance(20);
  const ours = call.responses.at(-1)?.dialog ?? assert.fail('no dialog');
  w.a.core.ack(ours, {});
  w.clock.advance(20);
  const theirs = w.b.acks.at(-1)?.dialog ?? assert.fail('no ACK');
  return { ours, theirs };
};

for (const protocol of ['udp', 'tcp'] as const) {
  describe(`user agent core over ${protocol}`, () => {
    it('INVITE, 180, 200, ACK, BYE (RFC 3261 §13, §15)', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(10);
      assert.equal(call.sent[0]?.ok, true);
      const incoming = w.b.requests[0] ?? assert.fail();
      w.b.core.respond(incoming, { status: 180 });
      w.clock.advance(10);
      answer(w);
      w.clock.advance(10);
      assert.deepEqual(call.statuses, [180, 200]);
      const { dialog } = call.responses[1] ?? assert.fail();
      assert.ok(dialog);
      assert.equal(dialog.state, 'confirmed');
      assert.equal(dialog.setId, incoming.dialog?.setId);
      w.a.core.ack(dialog, {});
      w.clock.advance(10);
      assert.equal(w.b.acks.length, 1);
      assert.equal(w.b.acks[0]?.invite.id, incoming.id);
      const bye = w.a.sendIn(dialog, { method: 'BYE' });
      w.clock.advance(10);
      const asked = w.b.requests[1] ?? assert.fail();
      assert.equal(asked.request.method, 'BYE');
      assert.equal(asked.inDialog, true);
      w.b.core.respond(asked, { status: 200 });
      w.clock.advance(10);
      assert.deepEqual(bye.statuses, [200]);
      assert.deepEqual(w.network.ladder, [
        'INVITE',
        '100 INVITE',
        '180 INVITE',
        '200 INVITE',
        'ACK',
        'BYE',
        '200 BYE',
      ]);
      assert.equal(w.a.ended[0]?.cause, 'bye-sent');
      assert.equal(w.b.ended[0]?.cause, 'bye-received');
      w.end();
    });

    it('the called side hangs up, to the caller’s Contact', () => {
      const w = world(protocol);
      const { theirs } = setUp(w);
      const bye = w.b.sendIn(theirs, { method: 'BYE' });
      w.clock.advance(10);
      const asked = w.a.requests[0] ?? assert.fail();
      assert.equal(asked.request.uri, `sip:10.0.0.1:5060${protocol === 'tcp' ? ';transport=tcp' : ''}`);
      w.a.core.respond(asked, { status: 200 });
      w.clock.advance(10);
      assert.deepEqual(bye.statuses, [200]);
      w.end();
    });

    it('CANCEL: 200, 487, and the ACK to it (RFC 3261 §9)', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(20);
      w.b.core.respond(w.b.requests[0] ?? assert.fail(), { status: 180 });
      w.clock.advance(20);
      w.a.core.cancel(call.outgoing, [field('Reason', 'SIP;cause=200;text="Call completed elsewhere"')]);
      w.clock.advance(20);
      assert.deepEqual(call.statuses, [180, 487]);
      assert.equal(
        w.b.cancels[0]?.cancel.headers.get('Reason'),
        'SIP;cause=200;text="Call completed elsewhere"',
      );
      assert.deepEqual(w.network.ladder.slice(-4), ['CANCEL', '200 CANCEL', '487 INVITE', 'ACK']);
      let late: unknown;
      w.b.core.respond(w.b.requests[0] ?? assert.fail(), { status: 200 }, (result) => (late = result));
      assert.equal((late as { error: string }).error, 'unknown-transaction');
      w.end();
    });

    it('a CANCEL before any response waits for the first provisional one (RFC 3261 §9.1)', () => {
      const w = world(protocol, {
        timers: { t1: 500, t2: 4000, t4: 5000, c: 185_000, d: 32_000, trying: 200 },
      });
      const call = w.invite();
      w.a.core.cancel(call.outgoing);
      w.clock.advance(100);
      assert.deepEqual(w.network.ladder, ['INVITE']);
      w.clock.advance(200);
      assert.deepEqual(w.network.ladder, [
        'INVITE',
        '100 INVITE',
        'CANCEL',
        '200 CANCEL',
        '487 INVITE',
        'ACK',
      ]);
      w.end();
    });

    it('a CANCEL that crosses a 200: the 200 is passed up, ACK and BYE follow (RFC 3261 §9.1)', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(20);
      answer(w);
      w.a.core.cancel(call.outgoing);
      w.clock.advance(20);
      assert.deepEqual(call.statuses, [200]);
      w.a.core.ack(call.responses[0]?.dialog ?? assert.fail(), {});
      assert.equal(w.a.byes[0]?.text, 'ACK-BYE due to cancel race condition');
      w.clock.advance(20);
      const bye = w.b.requests.at(-1) ?? assert.fail();
      assert.equal(bye.request.method, 'BYE');
      w.b.core.respond(bye, { status: 200 });
      assert.equal(w.b.cancels.length, 0);
      assert.ok(w.network.ladder.includes('200 CANCEL'));
      w.end();
    });

    it('the same when the user never acknowledges it', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(20);
      answer(w);
      w.a.core.cancel(call.outgoing);
      w.clock.advance(3_000);
      assert.deepEqual(w.network.ladder.filter((name) => name === 'ACK' || name === 'BYE').slice(0, 2), [
        'ACK',
        'BYE',
      ]);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('a 2xx without ACK is repeated for 64*T1, then ended with BYE: ACK timeout (RFC 3261 §13.3.1.4)', () => {
      const w = world(protocol);
      w.invite();
      w.clock.advance(20);
      answer(w);
      w.clock.advance(33_000);
      const sent = w.network.passed.filter(({ name }) => name === '200 INVITE').map(({ at }) => at);
      const gaps = sent.map((at, i) => at - (sent[i - 1] ?? at)).slice(1);
      assert.deepEqual(gaps.slice(0, 5), [500, 1000, 2000, 4000, 4000]);
      assert.ok(sent.length >= 10);
      assert.equal(w.b.byes[0]?.text, 'ACK timeout');
      assert.equal(w.b.byes[0]?.cause, 'ack-timeout');
      assert.equal(w.b.ended[0]?.cause, 'ack-timeout');
      w.a.core.respond(w.a.requests[0] ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('PRACK acknowledges a reliable 183; a queued 180 and the 200 wait for it (RFC 3262)', () => {
      const w = world(protocol);
      const call = w.invite([field('Supported', '100rel')]);
      w.clock.advance(20);
      const incoming = w.b.requests[0] ?? assert.fail();
      const reliable = [field('Require', '100rel')];
      w.b.core.respond(incoming, { status: 183, headers: [...reliable, sdpType], body: sdp });
      w.b.core.respond(incoming, { status: 180, headers: reliable });
      w.clock.advance(20);
      answer(w);
      w.clock.advance(600);
      assert.deepEqual(call.statuses, [183], 'the repeated 183 is not passed up, the others wait');
      assert.equal(w.network.ladder.filter((name) => name === '183 INVITE').length, 2);
      for (const expected of [183, 180]) {
        const { response, dialog } = call.responses.at(-1) ?? assert.fail();
        assert.equal(response.status, expected);
        const rack = `${response.headers.get('RSeq')} ${(response.headers.get('CSeq') ?? '').split(' ')[0]} INVITE`;
        const found = w.a.core.findDialog(dialog?.setId ?? '', rack);
        assert.equal(found, dialog);
        const prack = w.a.sendIn(found ?? assert.fail(), { method: 'PRACK', headers: [field('RAck', rack)] });
        w.clock.advance(20);
        const asked = w.b.requests.at(-1) ?? assert.fail();
        assert.equal(asked.request.method, 'PRACK');
        w.b.core.respond(asked, { status: 200 });
        w.clock.advance(20);
        assert.deepEqual(prack.statuses, [200]);
      }
      assert.deepEqual(call.statuses, [183, 180, 200]);
      const dialog = call.responses.at(-1)?.dialog ?? assert.fail();
      w.a.core.ack(dialog, {});
      w.clock.advance(20);
      assert.equal(w.b.acks.length, 1, 'the ACK has the CSeq of the INVITE, not of the PRACK');
      w.a.core.end(dialog);
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('PRACK that matches nothing: 481; a peer without 100rel gets no reliable answer (RFC 3262 §3)', () => {
      const w = world(protocol);
      const call = w.invite([field('Supported', '100rel')]);
      w.clock.advance(20);
      const incoming = w.b.requests[0] ?? assert.fail();
      w.b.core.respond(incoming, { status: 183, headers: [field('Require', '100rel')] });
      w.clock.advance(20);
      const early = call.responses[0]?.dialog ?? assert.fail();
      const prack = w.a.sendIn(early, { method: 'PRACK', headers: [field('RAck', '99999999 1 INVITE')] });
      w.clock.advance(20);
      assert.deepEqual(prack.statuses, [481]);
      w.clock.advance(40_000);
      assert.equal(call.statuses.at(-1), 504, 'nobody acknowledged the reliable response');
      w.invite();
      w.clock.advance(20);
      let result: unknown;
      const plain = w.b.requests.at(-1) ?? assert.fail();
      w.b.core.respond(plain, { status: 183, headers: [field('Require', '100rel')] }, (r) => (result = r));
      assert.equal((result as { error: string }).error, 'no-100rel');
      w.b.core.respond(plain, { status: 486 });
      w.end();
    });

    it('UPDATE in an early dialog, and a second one while the first waits: 500 (RFC 3311 §5.2)', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(20);
      const incoming = w.b.requests[0] ?? assert.fail();
      w.b.core.respond(incoming, { status: 180 });
      w.clock.advance(20);
      const early = call.responses[0]?.dialog ?? assert.fail();
      const first = w.a.sendIn(early, { method: 'UPDATE', body: sdp, headers: [sdpType] });
      const second = w.a.sendIn(early, { method: 'UPDATE', body: sdp, headers: [sdpType] });
      w.clock.advance(20);
      assert.deepEqual(second.statuses, [500]);
      const update = w.b.requests.at(-1) ?? assert.fail();
      assert.equal(update.dialog?.pendingInvite, incoming);
      w.b.core.respond(update, { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(first.statuses, [200]);
      w.b.core.respond(incoming, { status: 486 });
      w.clock.advance(20);
      assert.equal(w.a.ended[0]?.cause, 'rejected');
      w.end();
    });

    it('re-INVITEs that cross are both refused 491, one during ours is refused here (RFC 3261 §14)', () => {
      const w = world(protocol);
      const { ours, theirs } = setUp(w);
      const mine = w.a.sendIn(ours, { method: 'INVITE', body: sdp, headers: [sdpType] });
      const yours = w.b.sendIn(theirs, { method: 'INVITE', body: sdp, headers: [sdpType] });
      const third = w.a.sendIn(ours, { method: 'INVITE' });
      w.clock.advance(30);
      assert.deepEqual(mine.statuses, [491]);
      assert.deepEqual(yours.statuses, [491]);
      assert.deepEqual(
        third.sent.map((s) => (s.ok ? 'ok' : s.error)),
        ['request-pending'],
      );
      // Then one of them gets through.
      const again = w.a.sendIn(ours, { method: 'INVITE', body: sdp, headers: [sdpType] });
      w.clock.advance(20);
      answer(w);
      w.clock.advance(20);
      assert.deepEqual(again.statuses, [200]);
      w.a.core.ack(ours, { body: sdp, headers: [sdpType] });
      w.clock.advance(20);
      assert.equal(w.b.acks.length, 2);
      assert.equal(w.b.acks[1]?.ack.body.length, sdp.length);
      w.a.core.end(ours);
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('BYEs that cross end both sides (RFC 3261 §15)', () => {
      const w = world(protocol);
      const { ours, theirs } = setUp(w);
      const mine = w.a.sendIn(ours, { method: 'BYE' });
      const yours = w.b.sendIn(theirs, { method: 'BYE' });
      w.clock.advance(30);
      assert.deepEqual(mine.statuses, [200]);
      assert.deepEqual(yours.statuses, [200]);
      w.end();
    });

    it('a lower CSeq in a dialog: 500 (RFC 3261 §12.2.2); an unknown dialog: 481', () => {
      const w = world(protocol);
      const { ours } = setUp(w);
      const info = w.a.sendIn(ours, { method: 'INFO' });
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(info.statuses, [200]);
      const identity = [
        field('From', `${ours.localAddress};tag=${ours.localTag}`),
        field('Call-ID', ours.callId),
        field('CSeq', '1 INFO'),
      ];
      const lower = w.a.send({
        method: 'INFO',
        uri: ours.remoteTarget,
        headers: [...identity, field('To', `${ours.remoteAddress};tag=${ours.remoteTag}`)],
      });
      const stranger = w.a.send({
        method: 'BYE',
        uri: ours.remoteTarget,
        headers: [...identity, field('To', `${ours.remoteAddress};tag=nobody`)],
      });
      w.clock.advance(20);
      assert.deepEqual(lower.statuses, [500]);
      assert.deepEqual(stranger.statuses, [481]);
      w.a.core.end(ours);
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('a BYE during a re-INVITE: its INVITE gets 487, the caller’s is cancelled', () => {
      const w = world(protocol);
      const { ours } = setUp(w);
      const again = w.a.sendIn(ours, { method: 'INVITE', body: sdp, headers: [sdpType] });
      w.clock.advance(20);
      const bye = w.a.sendIn(ours, { method: 'BYE' });
      w.clock.advance(20);
      const asked = w.b.requests.at(-1) ?? assert.fail();
      assert.equal(asked.request.method, 'BYE');
      w.b.core.respond(asked, { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(again.statuses, [487]);
      assert.deepEqual(bye.statuses, [200]);
      w.end();
    });

    it('the called side’s BYE waits for the ACK (RFC 3261 §15)', () => {
      const w = world(protocol);
      const call = w.invite();
      w.clock.advance(20);
      answer(w);
      w.clock.advance(20);
      const theirs = w.b.requests[0]?.dialog ?? assert.fail();
      const bye = w.b.sendIn(theirs, { method: 'BYE' });
      w.clock.advance(20);
      assert.ok(!w.network.ladder.includes('BYE'));
      w.a.core.ack(call.responses[0]?.dialog ?? assert.fail(), {});
      w.clock.advance(20);
      w.a.core.respond(w.a.requests[0] ?? assert.fail(), { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(bye.statuses, [200]);
      w.end();
    });

    it('a peer that refreshes no session: BYE before it expires (RFC 4028 §10)', () => {
      const w = world(protocol);
      const call = w.invite([field('Supported', 'timer'), field('Session-Expires', '120;refresher=uac')]);
      w.clock.advance(20);
      answer(w);
      w.clock.advance(20);
      const { response, dialog } = call.responses[0] ?? assert.fail();
      assert.equal(response.headers.get('Session-Expires'), '120;refresher=uac');
      assert.equal(response.headers.get('Require'), 'timer');
      w.a.core.ack(dialog ?? assert.fail(), {});
      w.clock.advance(59_000);
      assert.equal(w.b.requests.length, 1);
      w.network.drop = ({ name }) => name === 'INVITE' || name === 'UPDATE';
      w.clock.advance(40_000);
      assert.equal(w.b.byes[0]?.text, 'Session timer expired');
      assert.equal(w.b.byes[0]?.cause, 'session-expired');
      // The caller finds the same at the same time; the two BYEs answer each other.
      assert.equal(w.a.byes[0]?.cause, 'session-expired');
      w.end();
    });

    it('refreshes the session by itself at half the interval, and goes on (RFC 4028 §7.4)', () => {
      const w = world(protocol);
      w.b.script = (incoming) => {
        if (incoming.request.method === 'INVITE' && incoming.inDialog) answer(w, []);
      };
      const { ours } = setUp(w, [field('Supported', 'timer'), field('Session-Expires', '120;refresher=uac')]);
      w.clock.advance(300_000);
      const refreshes = w.b.requests.filter(
        ({ request, inDialog }) => inDialog && request.method === 'INVITE',
      );
      assert.ok(refreshes.length >= 4, `${refreshes.length} refreshes`);
      assert.deepEqual(refreshes[0]?.request.body, sdp);
      assert.equal(w.b.acks.length, 1 + refreshes.length);
      assert.equal(w.a.byes.length + w.b.byes.length, 0);
      w.a.core.end(ours);
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.end();
    });

    it('an interval that is too short: 422 with Min-SE (RFC 4028 §9)', () => {
      const w = world(protocol);
      const call = w.invite([field('Supported', 'timer'), field('Session-Expires', '30')]);
      w.clock.advance(20);
      assert.deepEqual(call.statuses, [422]);
      assert.equal(call.responses[0]?.response.headers.get('Min-SE'), '90');
      w.end();
    });

    it('an INVITE that nobody answers gets 480, another request 500 (RFC 4320 §4.2 allows no 408)', () => {
      const w = world(protocol);
      const call = w.invite();
      const options = w.a.send({ method: 'OPTIONS', uri: w.uri });
      w.clock.advance(70_000);
      assert.deepEqual(call.statuses, [480]);
      assert.deepEqual(options.statuses, [500]);
      w.end();
    });

    it('nobody there: 408 over UDP, 503 where no connection comes about', () => {
      const w = world(protocol);
      const lost = w.a.send({ method: 'OPTIONS', uri: w.uri.replace('10.0.0.2', '10.9.9.9') });
      w.clock.advance(40_000);
      assert.equal(lost.sent[0]?.ok, true);
      assert.deepEqual(lost.statuses, [protocol === 'udp' ? 408 : 503]);
      assert.equal(lost.responses[0]?.event, undefined);
      w.end();
    });

    it('errors that need no network: bad URI, no transport, ACK without 2xx', () => {
      const w = world(protocol);
      const error = (request: AgentRequest) => request.sent.map((s) => (s.ok ? 'ok' : s.error));
      assert.deepEqual(error(w.a.send({ method: 'INVITE', uri: 'bob' })), ['invalid-uri']);
      assert.deepEqual(error(w.a.send({ method: 'INVITE', uri: 'tel:+15550100' })), ['invalid-uri']);
      const other = w.a.send({ method: 'INVITE', uri: 'sip:bob@10.0.0.2;transport=ws' });
      assert.deepEqual(error(other), ['no-transport']);
      assert.deepEqual(error(w.a.send({ method: 'INVITE', uri: 'sip:bob@nowhere.test' })), ['unresolved']);
      const { ours } = setUp(w);
      const twice: unknown[] = [];
      w.a.core.ack(ours, {}, (result) => twice.push(result.ok ? 'ok' : result.error));
      assert.deepEqual(twice, ['nothing-to-acknowledge']);
      w.a.core.end(ours);
      w.clock.advance(20);
      w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(error(w.a.sendIn(ours, { method: 'INFO' })), ['no-dialog']);
      w.end();
    });

    it('SUBSCRIBE makes a dialog, NOTIFY with terminated ends it (RFC 6665)', () => {
      const w = world(protocol);
      const subscribe = w.a.send({ method: 'SUBSCRIBE', uri: w.uri, headers: [field('Event', 'dialog')] });
      w.clock.advance(20);
      w.b.core.respond(w.b.requests[0] ?? assert.fail(), { status: 202 });
      w.clock.advance(20);
      assert.deepEqual(subscribe.statuses, [202]);
      const theirs = w.b.requests[0]?.dialog ?? assert.fail();
      const notify = w.b.sendIn(theirs, {
        method: 'NOTIFY',
        headers: [field('Subscription-State', 'terminated;reason=timeout')],
      });
      w.clock.advance(20);
      w.a.core.respond(w.a.requests[0] ?? assert.fail(), { status: 200 });
      w.clock.advance(20);
      assert.deepEqual(notify.statuses, [200]);
      assert.equal(w.a.ended[0]?.cause, 'subscription-ended');
      assert.equal(w.b.ended[0]?.cause, 'subscription-ended');
      w.end();
    });

    it('an abandoned INVITE is cancelled, and ended when it was answered all the same', () => {
      const w = world(protocol);
      const first = w.invite();
      w.clock.advance(20);
      w.a.core.abandon(first.outgoing, 'SIP;cause=503;text="gone"');
      w.clock.advance(20);
      assert.deepEqual(first.statuses, []);
      assert.equal(w.b.cancels.length, 1);
      const second = w.invite();
      w.clock.advance(20);
      answer(w);
      w.a.core.abandon(second.outgoing);
      w.clock.advance(20);
      assert.deepEqual(second.statuses, []);
      const bye = w.b.requests.at(-1) ?? assert.fail();
      assert.equal(bye.request.method, 'BYE');
      w.b.core.respond(bye, { status: 200 });
      w.end();
    });

    for (const nth of protocol === 'udp' ? [3, 4, 5, 7] : []) {
      it(`of ${nth} messages one is lost: the call still goes its way, and nothing is left`, () => {
        const w = world(protocol);
        let count = 0;
        w.network.drop = () => ++count % nth === 0;
        w.b.script = (incoming) => {
          if (incoming.request.method === 'INVITE') w.b.core.respond(incoming, { status: 180 });
          else w.b.core.respond(incoming, { status: 200 });
        };
        const call = w.invite();
        w.clock.advance(10_000);
        const first = w.b.requests[0] ?? assert.fail();
        w.b.core.respond(first, { status: 200, headers: [sdpType], body: sdp });
        w.clock.advance(10_000);
        const dialog = call.responses.at(-1)?.dialog ?? assert.fail('no answer came');
        assert.equal(call.statuses.at(-1), 200);
        assert.equal(call.statuses.filter((status) => status === 200).length, 1);
        w.a.core.ack(dialog, {});
        w.clock.advance(20_000);
        assert.equal(w.b.acks.length, 1);
        const bye = w.a.sendIn(dialog, { method: 'BYE' });
        w.clock.advance(32_000);
        assert.deepEqual(bye.statuses, [200]);
        assert.equal(w.b.byes.length, 0);
        w.end();
      });
    }
  });
}

describe('user agent core, anything at any time', () => {
  type Act = { readonly kind: number; readonly wait: number; readonly status: number };
  const act = fc.record({
    kind: fc.integer({ min: 0, max: 13 }),
    wait: fc.constantFrom(0, 3, 6, 20, 600, 5_000, 40_000),
    status: fc.constantFrom(180, 183, 200, 200, 302, 404, 486, 491, 503, 603),
  });

  const perform = (w: World, { kind, status }: Act, calls: AgentRequest[]): void => {
    const side = kind % 2 === 0 ? w.a : w.b;
    const waiting = side.requests.findLast(({ state }) => state === 'waiting');
    const call = calls.at(-1);
    const ours = call?.responses.findLast((event) => event.dialog !== undefined)?.dialog;
    const dialog = side === w.a ? ours : w.b.requests[0]?.dialog;
    const reliable = status < 200 && kind > 6 ? [field('Require', '100rel')] : [];
    if (kind < 5 && waiting !== undefined)
      side.core.respond(waiting, { status, headers: [sdpType, ...reliable], body: sdp });
    else if (kind < 6)
      calls.push(w.invite([field('Supported', '100rel, timer'), field('Session-Expires', '100')]));
    else if (kind === 6 && call !== undefined) w.a.core.cancel(call.outgoing);
    else if (kind === 7 && call !== undefined) w.a.core.abandon(call.outgoing);
    else if (dialog === undefined) return;
    else if (kind < 10) side.sendIn(dialog, { method: 'BYE' });
    else if (kind < 12) side.sendIn(dialog, { method: 'INVITE', body: sdp, headers: [sdpType] });
    else if (kind === 12) side.core.ack(dialog, {});
    else side.core.end(dialog);
  };

  it('never wedges: whatever is done and lost, all timers end and nothing is kept', () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 40 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        fc.boolean(),
        (acts, chance, reliable) => {
          const w = world(reliable ? 'tcp' : 'udp');
          const calls = [w.invite([field('Supported', '100rel')])];
          w.network.drop = () => !reliable && (chance.next().value ?? 9) < 3;
          for (const each of acts) {
            perform(w, each, calls);
            w.clock.advance(each.wait);
          }
          for (const side of [w.a, w.b]) {
            for (const incoming of side.requests) side.core.respond(incoming, { status: 486 });
            for (const { outgoing } of calls) w.a.core.abandon(outgoing);
          }
          for (const side of [w.a, w.b]) {
            side.script = (incoming) => side.core.respond(incoming, { status: 200 });
            for (const { dialog } of side.requests) if (dialog !== undefined) side.core.end(dialog);
          }
          for (const { responses } of calls) {
            for (const { dialog } of responses) if (dialog !== undefined) w.a.core.end(dialog);
          }
          w.clock.advance(4_000_000);
          w.end();
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('user agent core among several', () => {
  const third = (w: World, address: string, seed: number): SipAgent =>
    new SipAgent(w.network.endpoint(address), w.clock, { seed });

  /** A proxy that sends an INVITE on to two places and their answers back, as a forking proxy would. */
  const forked = () => {
    const w = world();
    const c = third(w, '10.0.0.3', 3);
    const proxy = third(w, '10.0.0.9', 9);
    proxy.script = (incoming) => {
      if (incoming.request.method !== 'INVITE') return;
      incoming.detach();
      for (const host of ['10.0.0.2', '10.0.0.3']) {
        const copy = createRequest(
          'INVITE',
          `sip:bob@${host}`,
          incoming.request.headers,
          incoming.request.body,
        );
        const destinations = proxy.core.transport.destinationsNow(copy.uri) ?? [];
        proxy.core.transactions.request(copy, destinations, {
          onResponse: (response) => {
            if (response.status === 100) return;
            const back = createResponse(incoming.request, response.status, response.reason);
            for (const name of ['To', 'Contact']) back.headers.set(name, response.headers.get(name) ?? '');
            back.headers.delete('Record-Route');
            incoming.transaction.respond(back);
          },
          onFailure: () => undefined,
        });
      }
    };
    const call = w.a.send({ method: 'INVITE', uri: 'sip:bob@10.0.0.9', headers: [sdpType], body: sdp });
    w.clock.advance(50);
    return { ...w, c, proxy, call };
  };

  it('two 2xx to one INVITE: the second is acknowledged and ended (RFC 3261 §13.2.2.4)', () => {
    const w = forked();
    for (const side of [w.b, w.c]) side.core.respond(side.requests[0] ?? assert.fail(), { status: 180 });
    w.clock.advance(50);
    assert.deepEqual(w.call.statuses, [180, 180]);
    assert.equal(new Set(w.call.responses.map(({ dialog }) => dialog?.id)).size, 2);
    assert.equal(new Set(w.call.responses.map(({ dialog }) => dialog?.setId)).size, 1);
    for (const side of [w.b, w.c]) side.core.respond(side.requests[0] ?? assert.fail(), { status: 200 });
    w.clock.advance(50);
    assert.deepEqual(w.call.statuses, [180, 180, 200]);
    const winner = w.call.responses.at(-1)?.dialog ?? assert.fail();
    w.a.core.ack(winner, {});
    w.clock.advance(50);
    assert.equal(w.b.acks.length, 1);
    assert.equal(w.c.acks.length, 1);
    assert.deepEqual(
      w.c.requests.map(({ request }) => request.method),
      ['INVITE', 'BYE'],
    );
    w.c.core.respond(w.c.requests[1] ?? assert.fail(), { status: 200 });
    assert.equal(w.a.core.findDialog(winner.setId), winner);
    w.a.core.end(winner);
    w.clock.advance(50);
    w.b.core.respond(w.b.requests[1] ?? assert.fail(), { status: 200 });
    w.end();
  });

  it('or kept, when the user says so', () => {
    const w = forked();
    w.a.surplus = 'keep';
    for (const side of [w.b, w.c]) side.core.respond(side.requests[0] ?? assert.fail(), { status: 200 });
    w.clock.advance(50);
    assert.deepEqual(w.call.statuses, [200, 200]);
    for (const { dialog } of w.call.responses) w.a.core.ack(dialog ?? assert.fail(), {});
    w.clock.advance(50);
    for (const { dialog } of w.call.responses) w.a.core.end(dialog ?? assert.fail());
    w.clock.advance(50);
    for (const side of [w.b, w.c]) side.core.respond(side.requests[1] ?? assert.fail(), { status: 200 });
    w.end();
  });

  it('a detached request is the proxy’s: CANCEL is answered 200 and reported, nothing more', () => {
    const w = forked();
    w.a.core.cancel(w.call.outgoing);
    w.clock.advance(50);
    assert.equal(w.proxy.cancels.length, 1);
    assert.equal(w.proxy.cancels[0]?.incoming.state, 'detached');
    assert.deepEqual(w.call.statuses, []);
    w.proxy.core.respond(w.proxy.cancels[0].incoming, { status: 487 }, (result) => assert.ok(!result.ok));
    const { transaction } = w.proxy.cancels[0].incoming;
    const response = createResponse(transaction.request, 487);
    setToTag(response, 'p');
    transaction.respond(response);
    w.clock.advance(50);
    assert.deepEqual(w.call.statuses, [487]);
    for (const side of [w.b, w.c]) side.core.respond(side.requests[0] ?? assert.fail(), { status: 486 });
    w.end();
  });

  it('a 200 that comes when the INVITE is long forgotten is acknowledged and ended', () => {
    const w = world();
    const call = w.invite();
    w.clock.advance(20);
    w.network.drop = ({ name }) => name === 'CANCEL' || name.startsWith('200');
    w.a.core.abandon(call.outgoing);
    w.clock.advance(40_000);
    answer(w);
    w.network.drop = () => false;
    w.clock.advance(1_000);
    assert.equal(w.b.acks.length, 1);
    const bye = w.b.requests.at(-1) ?? assert.fail();
    assert.equal(bye.request.method, 'BYE');
    w.b.core.respond(bye, { status: 200 });
    w.end();
  });

  it('a caller behind a NAT is reached where its packets come from', () => {
    const w = world();
    const call = w.invite([field('Contact', '<sip:ada@192.168.1.7:5060>')]);
    w.clock.advance(20);
    answer(w);
    w.clock.advance(20);
    w.a.core.ack(call.responses[0]?.dialog ?? assert.fail(), {});
    w.clock.advance(20);
    const bye = w.b.sendIn(w.b.acks[0]?.dialog ?? assert.fail(), { method: 'BYE' });
    w.clock.advance(20);
    const asked = w.a.requests[0] ?? assert.fail('it went to the private address');
    assert.equal(asked.request.uri, 'sip:ada@192.168.1.7:5060');
    w.a.core.respond(asked, { status: 200 });
    w.clock.advance(20);
    assert.deepEqual(bye.statuses, [200]);
    w.end();
  });

  it('credentials of the INVITE go into its ACK (RFC 3261 §22.3)', () => {
    const w = world();
    const call = w.invite([field('Proxy-Authorization', 'Digest username="ada"')]);
    w.clock.advance(20);
    answer(w);
    w.clock.advance(20);
    const dialog = call.responses[0]?.dialog ?? assert.fail();
    w.a.core.ack(dialog, {});
    w.clock.advance(20);
    assert.equal(w.b.acks[0]?.ack.headers.get('Proxy-Authorization'), 'Digest username="ada"');
    w.a.core.end(dialog);
    w.clock.advance(20);
    w.b.core.respond(w.b.requests.at(-1) ?? assert.fail(), { status: 200 });
    w.end();
  });

  it('what the user gives is used, what is the core’s is not', () => {
    const w = world();
    const options = w.a.send({
      method: 'OPTIONS',
      uri: w.uri,
      headers: [
        field('From', '"Ada" <sip:ada@pbx.test>'),
        field('Call-ID', 'mine'),
        field('CSeq', '77 OPTIONS'),
        field('Via', 'SIP/2.0/UDP evil.test'),
        field('Content-Length', '99'),
      ],
    });
    w.clock.advance(20);
    const { request } = w.b.requests[0] ?? assert.fail();
    assert.match(request.headers.get('From') ?? '', /^"Ada" <sip:ada@pbx.test>;tag=[0-9a-f]{16}$/);
    assert.equal(request.headers.get('Call-ID'), 'mine');
    assert.equal(request.headers.get('CSeq'), '77 OPTIONS');
    assert.equal(request.headers.all('Via').length, 1);
    w.b.core.respond(w.b.requests[0] ?? assert.fail(), { status: 200, toTag: 'xyz' });
    w.clock.advance(20);
    assert.match(options.responses[0]?.response.headers.get('To') ?? '', /;tag=xyz$/);
    w.end();
  });

  it('limits: what waits is bounded, and refused 503 (RFC 3261 §21.5.4)', () => {
    const w = world('udp', { limits: { waiting: 2 } });
    const calls = [1, 2, 3].map(() => w.invite());
    w.clock.advance(20);
    assert.deepEqual(
      calls.map(({ statuses }) => statuses),
      [[], [], [503]],
    );
    assert.equal(calls[2]?.responses[0]?.response.headers.get('Retry-After'), '5');
    for (const incoming of w.b.requests) w.b.core.respond(incoming, { status: 486 });
    w.end();
  });

  it('a BYE that has no way to go any more ends the dialog here (a phone whose connection is gone)', () => {
    const w = world('tcp');
    w.b.script = (incoming) => {
      const headers = [sdpType, field('Contact', '<sip:bob@df7jal23ls0d.invalid;transport=ws>')];
      if (incoming.request.method === 'INVITE') w.b.core.respond(incoming, { status: 200, headers });
    };
    const call = w.invite();
    w.clock.advance(20);
    const dialog = call.responses[0]?.dialog ?? assert.fail();
    w.a.core.ack(dialog, {});
    w.clock.advance(20);
    w.network.open = false;
    const bye = w.a.sendIn(dialog, { method: 'BYE' });
    assert.deepEqual(
      bye.sent.map((sent) => (sent.ok ? 'ok' : sent.error)),
      ['unresolved'],
    );
    assert.equal(w.a.ended[0]?.cause, 'bye-sent');
    w.b.core.end(w.b.acks[0]?.dialog ?? assert.fail());
    w.clock.advance(20);
    w.end();
  });

  it('a Request-URI of an unknown scheme: 416 (RFC 3261 §8.2.2.1)', () => {
    const w = world();
    const destinations = w.a.core.transport.destinationsNow(w.uri) ?? [];
    const options = w.a.send({ method: 'OPTIONS', uri: 'nobodyknows:what', destinations });
    assert.equal(options.sent[0]?.ok, false, 'we send no such thing');
    const request = createRequest('OPTIONS', 'nobodyknows:what', [
      field('From', '<sip:a@10.0.0.1>;tag=1'),
      field('To', '<sip:b@10.0.0.2>'),
      field('Call-ID', 'x'),
      field('CSeq', '1 OPTIONS'),
    ]);
    const statuses: number[] = [];
    w.a.core.transactions.request(request, destinations, {
      onResponse: ({ status }) => statuses.push(status),
      onFailure: () => assert.fail(),
    });
    w.clock.advance(20);
    assert.deepEqual(statuses, [416]);
    w.end();
  });

  it('close stops every timer, whatever is under way', () => {
    const w = world();
    w.invite();
    w.a.send({ method: 'OPTIONS', uri: w.uri });
    w.clock.advance(20);
    w.b.core.respond(w.b.requests[0] ?? assert.fail(), { status: 200 });
    w.clock.advance(20);
    w.a.core.close();
    w.b.core.close();
    assert.equal(w.clock.pending, 0);
  });
});
