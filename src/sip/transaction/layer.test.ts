import assert from 'node:assert/strict';
import { silentLogger } from '../../base/index.ts';
import { seededRandom, SipNetwork, VirtualClock } from '../../testing/index.ts';
import {
  createRequest,
  createResponse,
  setToTag,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import type { Protocol, TransportLayer } from '../transport/index.ts';
import { createTransactionLayer, defaultTimers, type TransactionOptions } from './index.ts';
import type { ServerTransaction, TransactionLayer, TransactionUser } from './types.ts';

type Seen = {
  readonly requests: ServerTransaction[];
  readonly acks: SipRequest[];
  readonly cancels: { readonly cancel: ServerTransaction; readonly invite: ServerTransaction | undefined }[];
  readonly stray: SipResponse[];
  readonly merged: ServerTransaction[];
};

type Side = { readonly layer: TransactionLayer; readonly transport: TransportLayer; readonly seen: Seen };

const world = (protocol: Protocol = 'udp', options: Partial<TransactionOptions> = {}) => {
  const clock = new VirtualClock();
  const network = new SipNetwork(clock);
  const side = (address: string, seed: number, more: Partial<TransactionUser> = {}): Side => {
    const transport = network.endpoint(address, protocol);
    const layer = createTransactionLayer({
      transport,
      clock,
      random: seededRandom(seed),
      logger: silentLogger,
      ...options,
    });
    const seen: Seen = { requests: [], acks: [], cancels: [], stray: [], merged: [] };
    layer.setUser({
      onRequest: (transaction) => seen.requests.push(transaction),
      onAck: (ack) => seen.acks.push(ack),
      onCancel: (cancel, invite) => seen.cancels.push({ cancel, invite }),
      onStrayResponse: (response) => seen.stray.push(response),
      ...more,
    });
    return { layer, transport, seen };
  };
  return { clock, network, side, a: side('10.0.0.1', 1), b: side('10.0.0.2', 2) };
};

const request = (method: string, extra: readonly { name: string; value: string }[] = []): SipRequest =>
  createRequest(method, 'sip:bob@10.0.0.2', [
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: '<sip:ada@10.0.0.1>;tag=a1' },
    { name: 'To', value: '<sip:bob@10.0.0.2>' },
    { name: 'Call-ID', value: 'call-1' },
    { name: 'CSeq', value: `1 ${method}` },
    ...extra,
  ]);

const reply = (transaction: ServerTransaction | undefined, status: number): boolean => {
  assert.ok(transaction);
  const response = createResponse(transaction.request, status);
  if (status > 100) setToTag(response, 'b1');
  return transaction.respond(response);
};

const send = ({ layer, transport }: Side, what: SipRequest, uri = what.uri) => {
  const statuses: number[] = [];
  const failures: string[] = [];
  const destinations = transport.destinationsNow(uri) ?? [];
  const client = layer.request(what, destinations, {
    onResponse: ({ status }) => statuses.push(status),
    onFailure: (failure) => failures.push(failure),
  });
  return { client, statuses, failures };
};

/** Bytes of a request that is sent past every transaction layer. */
const inject = ({ transport }: Side, what: SipRequest, branch: string, sentBy = '10.0.0.1:5060'): void => {
  what.headers.prepend('Via', `SIP/2.0/UDP ${sentBy};branch=${branch}`);
  const [destination] = transport.destinationsNow('sip:10.0.0.2') ?? [];
  assert.ok(destination);
  transport.sendRequest(what, destination, () => undefined);
};

const idle = (...sides: Side[]): void => {
  for (const { layer } of sides) {
    const { servers, clients } = layer.describe() as Record<string, number>;
    assert.deepEqual({ servers, clients }, { servers: 0, clients: 0 });
  }
};

describe('transaction layer', () => {
  it('an INVITE over a lossy path: sent at T1, 2T1, 4T1; the final response until the ACK (RFC 3261 §17)', () => {
    const { clock, network, a, b } = world();
    let lost = 0;
    network.drop = ({ name }) => name === 'INVITE' && lost++ < 3;
    const call = send(a, request('INVITE'));
    clock.advance(3_600);
    const sent = network.passed.filter(({ name }) => name === 'INVITE').map(({ at }) => at);
    assert.deepEqual(sent, [0, 500, 1_500, 3_500]);
    lost = 0;
    network.drop = ({ name }) => name === 'ACK' && lost++ < 3;
    reply(b.seen.requests[0], 486);
    clock.advance(5_000);
    assert.deepEqual(call.statuses, [100, 486]);
    assert.equal(b.seen.requests.length, 1);
    assert.equal(b.seen.acks.length, 0, 'the ACK to a refusal goes no further');
    assert.ok(network.ladder.filter((name) => name === '486 INVITE').length >= 3);
    clock.advance(60_000);
    idle(a, b);
    assert.equal(clock.pending, 0);
  });

  it('a request that was challenged is forgotten, and challenged again when it is repeated (RFC 3261 §8.2.7)', () => {
    const { clock, network, a, b } = world();
    let lost = 0;
    network.drop = ({ name }) => name === '401 REGISTER' && lost++ < 1;
    const register = send(a, request('REGISTER'));
    clock.advance(10);
    assert.ok(reply(b.seen.requests[0], 401));
    idle(b);
    clock.advance(500);
    assert.equal(b.seen.requests.length, 2, 'asked again, and new');
    assert.ok(reply(b.seen.requests[1], 401));
    assert.equal(reply(b.seen.requests[0], 200), false, 'one answer each');
    clock.advance(100);
    assert.deepEqual(register.statuses, [401]);
    assert.equal(clock.pending, 1, 'nothing but the one who asked (Timer K)');
    const inDialog = request('INFO');
    inDialog.headers.set('To', '<sip:bob@10.0.0.2>;tag=b1');
    send(a, inDialog);
    clock.advance(10);
    assert.ok(reply(b.seen.requests[2], 401));
    assert.deepEqual((b.layer.describe() as Record<string, number>)['servers'], 1, 'a dialog has seen it');
    clock.advance(60_000);
    idle(a, b);
  });

  it('retransmissions are absorbed, and answered with what was said last', () => {
    const { clock, network, a, b } = world();
    network.drop = ({ name }) => name.endsWith('OPTIONS') && name !== 'OPTIONS';
    const options = send(a, request('OPTIONS'));
    clock.advance(100);
    reply(b.seen.requests[0], 200);
    network.drop = () => false;
    clock.advance(1_000);
    assert.equal(b.seen.requests.length, 1);
    assert.deepEqual(options.statuses, [200]);
    clock.advance(60_000);
    idle(a, b);
  });

  it('100 to a non-INVITE only once timer E has reached T2, and no 408 (RFC 4320 §4)', () => {
    const { clock, network, a, b } = world();
    const options = send(a, request('OPTIONS'));
    clock.advance(3_400);
    assert.ok(!network.ladder.includes('100 OPTIONS'));
    clock.advance(300);
    assert.ok(network.ladder.includes('100 OPTIONS'));
    assert.equal(reply(b.seen.requests[0], 408), false);
    assert.equal(reply(b.seen.requests[0], 180), false);
    clock.advance(60_000);
    assert.deepEqual(options.failures, ['timeout']);
    idle(a, b);
    assert.equal(clock.pending, 0);
  });

  it('100 to an INVITE within 200 ms when the user takes its time (RFC 3261 §17.2.1)', () => {
    const { clock, network, a, b } = world('udp', { timers: { ...defaultTimers, trying: 200 } });
    send(a, request('INVITE'));
    clock.advance(204);
    assert.ok(!network.ladder.includes('100 INVITE'));
    clock.advance(2);
    assert.ok(network.ladder.includes('100 INVITE'));
    reply(b.seen.requests[0], 404);
    clock.advance(60_000);
    idle(a, b);
  });

  it('a CANCEL whose Via a NAT changed is matched by Call-ID, CSeq number and From tag', () => {
    const { clock, a, b } = world();
    inject(a, request('INVITE'), 'z9hG4bKone', '10.0.0.1:5060');
    clock.advance(10);
    inject(a, request('CANCEL'), 'z9hG4bKone', '192.168.1.7:61000');
    inject(a, request('CANCEL'), 'z9hG4bKother');
    clock.advance(10);
    assert.equal(b.seen.cancels.length, 2);
    assert.ok(b.seen.requests[0]);
    for (const { invite } of b.seen.cancels) assert.equal(invite, b.seen.requests[0]);
    const stranger = request('CANCEL');
    stranger.headers.set('From', '<sip:eve@10.0.0.9>;tag=e1');
    inject(a, stranger, 'z9hG4bKeve');
    clock.advance(10);
    assert.equal(b.seen.cancels[2]?.invite, undefined);
  });

  it('the ACK to a refusal whose Via a NAT changed stops the repetition', () => {
    const { clock, network, a, b } = world();
    inject(a, request('INVITE'), 'z9hG4bKone');
    clock.advance(10);
    reply(b.seen.requests[0], 486);
    const ack = request('ACK');
    ack.headers.set('To', '<sip:bob@10.0.0.2>;tag=b1');
    inject(a, ack, 'z9hG4bKchanged', '192.168.1.7:61000');
    clock.advance(10_000);
    assert.equal(network.ladder.filter((name) => name === '486 INVITE').length, 1);
    assert.equal(b.seen.acks.length, 0);
  });

  it('branches of RFC 2543 are matched by what the request says (RFC 3261 §17.2.3)', () => {
    const { clock, a, b } = world();
    inject(a, request('INVITE'), '1');
    inject(a, request('INVITE'), '1');
    const other = request('INVITE');
    other.headers.set('Call-ID', 'call-2');
    inject(a, other, '1');
    clock.advance(10);
    assert.equal(b.seen.requests.length, 2);
    reply(b.seen.requests[0], 486);
    const ack = request('ACK');
    ack.headers.set('To', '<sip:bob@10.0.0.2>;tag=b1');
    inject(a, ack, '1');
    clock.advance(10);
    assert.equal(b.seen.acks.length, 0);
  });

  it('a merged request: 482, or to the user who asks for it (RFC 3261 §8.2.2.2)', () => {
    const { clock, network, a, b, side } = world();
    inject(a, request('INVITE'), 'z9hG4bKone');
    inject(a, request('INVITE'), 'z9hG4bKtwo');
    clock.advance(10);
    assert.equal(b.seen.requests.length, 1);
    assert.ok(network.ladder.includes('482 INVITE'));
    const merged: ServerTransaction[] = [];
    network.remove('10.0.0.2');
    const c = side('10.0.0.2', 3, { onMerged: (transaction) => merged.push(transaction) });
    inject(a, request('OPTIONS'), 'z9hG4bKone');
    inject(a, request('OPTIONS'), 'z9hG4bKtwo');
    clock.advance(10);
    assert.equal(c.seen.requests.length, 1);
    assert.equal(merged.length, 1);
  });

  it('the next destination is tried after a transport failure, a timeout and a 503 (RFC 3263 §4.3)', () => {
    const { clock, network, a, side } = world('tcp');
    const busy = side('10.0.0.3', 3);
    const good = side('10.0.0.4', 4);
    network.names.set('farm.test', ['10.9.9.9', '10.0.0.3', '10.0.0.4']);
    const call = send(a, request('INVITE'), 'sip:farm.test;transport=tcp');
    clock.advance(20);
    reply(busy.seen.requests[0], 503);
    clock.advance(20);
    reply(good.seen.requests[0], 200);
    clock.advance(20);
    assert.deepEqual(call.statuses, [100, 100, 200]);
    assert.deepEqual(call.failures, []);
    const branches = network.passed
      .filter(({ name }) => name === 'INVITE')
      .map(({ message }) => message.headers.get('Via'));
    assert.equal(new Set(branches).size, 2, 'each destination has a branch of its own');
    assert.ok(network.ladder.includes('ACK'), 'the 503 was acknowledged');
    clock.advance(100_000);
    idle(a, good, busy);
    const udp = world();
    const second = udp.side('10.0.0.3', 3);
    udp.network.names.set('farm.test', ['10.9.9.9', '10.0.0.3']);
    const options = send(udp.a, request('OPTIONS'), 'sip:farm.test');
    udp.clock.advance(33_000);
    reply(second.seen.requests[0], 200);
    udp.clock.advance(1_000);
    assert.deepEqual(options.statuses, [200]);
  });

  it('the last failure is told when no destination is left', () => {
    const { clock, network, a } = world('tcp');
    network.names.set('farm.test', ['10.9.9.8', '10.9.9.9']);
    const options = send(a, request('OPTIONS'), 'sip:farm.test;transport=tcp');
    assert.deepEqual(options.failures, ['transport']);
    const none = send(a, request('OPTIONS'), 'sip:10.0.0.2;transport=udp');
    assert.deepEqual(none.failures, ['no-transport']);
    clock.advance(100_000);
    idle(a);
  });

  it('a late 487 is acknowledged though its INVITE is forgotten; a late 2xx is handed up', () => {
    const { clock, network, a, b } = world();
    const call = send(a, request('INVITE'));
    clock.advance(20);
    const incoming = b.seen.requests[0] ?? assert.fail();
    call.client.terminate();
    reply(incoming, 487);
    clock.advance(2_000);
    assert.equal(network.ladder.filter((name) => name === 'ACK').length, 1);
    assert.equal(network.ladder.filter((name) => name === '487 INVITE').length, 1);
    assert.deepEqual(call.statuses, [100]);
    const again = request('INVITE');
    again.headers.set('Call-ID', 'call-2');
    const second = send(a, again);
    clock.advance(40_000);
    second.client.terminate();
    reply(b.seen.requests.at(-1), 200);
    clock.advance(20);
    assert.equal(a.seen.stray.at(-1)?.status, 200);
    assert.ok(a.layer.owns(a.seen.stray.at(-1) ?? assert.fail()));
  });

  it('a stray refusal that was never ours is not acknowledged', () => {
    const { clock, network, a, b } = world();
    const forged = createResponse(
      createRequest('INVITE', 'sip:x@10.0.0.1', [
        { name: 'Via', value: 'SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKforged' },
        ...request('INVITE').headers,
      ]),
      486,
    );
    const [destination] = b.transport.destinationsNow('sip:10.0.0.1') ?? [];
    const options = request('OPTIONS');
    options.headers.prepend('Via', 'SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKb');
    b.transport.sendRequest(options, destination ?? assert.fail(), () => undefined);
    clock.advance(10);
    const { flow } = a.seen.requests[0] ?? assert.fail();
    const back = { ...flow, local: flow.remote, remote: flow.local };
    b.transport.sendResponse(forged, back, () => undefined);
    clock.advance(10);
    assert.equal(a.seen.stray.length, 1);
    assert.ok(!network.ladder.includes('ACK'));
  });

  it('a CANCEL goes out with the INVITE’s branch, and when no answer comes the INVITE is given up (§9.1)', () => {
    const { clock, network, a, b } = world();
    const call = send(a, request('INVITE'));
    clock.advance(20);
    let left: string | undefined;
    call.client.cancel(
      [{ name: 'Reason', value: 'SIP;cause=487' }],
      (cancel) => (left = cancel.headers.get('Via')),
    );
    clock.advance(20);
    assert.equal(left, b.seen.requests[0]?.request.headers.get('Via'));
    reply(b.seen.cancels[0]?.cancel, 200);
    clock.advance(40_000);
    assert.deepEqual(call.failures, ['timeout']);
    assert.equal(call.client.state, 'terminated');
    assert.equal(network.ladder.filter((name) => name === 'CANCEL').length, 1);
  });

  it('an INVITE that nobody decides is cancelled by timer C (RFC 3261 §16.6 step 11)', () => {
    const { clock, a, b } = world();
    const call = send(a, request('INVITE'));
    clock.advance(184_000);
    assert.equal(b.seen.cancels.length, 0);
    clock.advance(2_000);
    assert.equal(b.seen.cancels.length, 1);
    reply(b.seen.cancels[0]?.cancel, 200);
    reply(b.seen.requests[0], 487);
    clock.advance(60_000);
    assert.deepEqual(call.statuses, [100, 487]);
    idle(a, b);
    assert.equal(clock.pending, 0);
  });

  it('2xx to INVITE: every one is handed up for 64*T1, ACKs too (RFC 6026)', () => {
    const { clock, network, a, b } = world();
    const call = send(a, request('INVITE'));
    clock.advance(20);
    const incoming = b.seen.requests[0];
    assert.equal(reply(incoming, 200), true);
    assert.equal(incoming?.open, false);
    assert.equal(reply(incoming, 200), true, 'the user repeats it');
    assert.equal(reply(incoming, 486), false);
    clock.advance(20);
    assert.deepEqual(call.statuses, [100, 200, 200]);
    inject(a, request('INVITE'), network.passed[0]?.message.headers.get('Via')?.split('branch=')[1] ?? '');
    clock.advance(20);
    assert.equal(b.seen.requests.length, 1);
    clock.advance(33_000);
    idle(a, b);
    assert.equal(reply(incoming, 200), false);
  });

  it('limits: what is too much is refused 503 without state, or fails here', () => {
    const { clock, network, a, b } = world('udp', { limits: { server: 2, client: 3 } });
    const calls = ['1', '2', '3', '4'].map((id) => {
      const options = request('OPTIONS');
      options.headers.set('Call-ID', id);
      return send(a, options);
    });
    clock.advance(20);
    assert.equal(b.seen.requests.length, 2);
    assert.ok(network.ladder.includes('503 OPTIONS'));
    assert.deepEqual(calls[2]?.statuses, [503]);
    assert.deepEqual(calls[3]?.failures, ['overloaded']);
  });

  it('close ends every timer', () => {
    const { clock, a, b } = world();
    send(a, request('INVITE'));
    send(a, request('OPTIONS', [{ name: 'Subject', value: 'x' }]));
    clock.advance(20);
    a.layer.close();
    b.layer.close();
    assert.equal(clock.pending, 0);
  });

  it('a large request that went over TCP after all is not repeated', () => {
    const { clock, network, a } = world();
    const { transport } = a;
    const real = transport.sendRequest.bind(transport);
    transport.sendRequest = (what, destination, done) =>
      real(what, destination, (result) =>
        done(result.ok ? { ...result, flow: { ...result.flow, reliable: true } } : result),
      );
    const options = send(a, request('OPTIONS'));
    clock.advance(33_000);
    assert.equal(network.passed.filter(({ name }) => name === 'OPTIONS').length, 1);
    assert.deepEqual(options.failures, ['timeout']);
  });
});
