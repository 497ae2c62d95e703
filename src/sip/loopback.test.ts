import assert from 'node:assert/strict';
import { silentLogger, systemClock, systemRandom, TimerWheel } from '../base/index.ts';
import { SipAgent } from '../testing/index.ts';
import { atEnd, endAll, noNames, until } from '../testing/transport-kit.ts';
import {
  createTransport,
  defaultTimers,
  printMessage,
  type Protocol,
  type SendResult,
  type TimerValues,
  type TransportLayer,
} from './index.ts';

const sdp = Buffer.from('v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n');
const sdpType = { name: 'Content-Type', value: 'application/sdp' };
const field = (name: string, value: string) => ({ name, value });

/** T1 of 30 ms: loopback is quick, and so are the tests. */
const quick: TimerValues = Object.freeze({ ...defaultTimers, t1: 30, t2: 240, t4: 300, d: 1_920 });

/** A transport layer that loses what `lose` says on the way out. */
const lossy = (layer: TransportLayer, lose: () => boolean): TransportLayer => ({
  listeners: layer.listeners,
  onMessage: (handler) => layer.onMessage(handler),
  onClosed: (handler) => layer.onClosed(handler),
  resolve: async (uri) => await layer.resolve(uri),
  destinationsNow: (uri) => layer.destinationsNow(uri),
  listenerFor: (destination) => layer.listenerFor(destination),
  viaFor: (listener, branch) => layer.viaFor(listener, branch),
  isOpen: (flow) => layer.isOpen(flow),
  openFlow: (protocol, remote) => layer.openFlow(protocol, remote),
  close: async () => await layer.close(),
  describe: () => layer.describe(),
  sendRequest(request, destination, done) {
    if (!lose() || destination.kind === 'address') return layer.sendRequest(request, destination, done);
    done({ ok: true, flow: destination.flow, bytes: printMessage(request).length });
  },
  sendResponse(response, flow, done: (result: SendResult) => void) {
    if (!lose()) return layer.sendResponse(response, flow, done);
    done({ ok: true, flow, bytes: printMessage(response).length });
  },
});

const agent = async (protocol: Protocol, lose: () => boolean = () => false): Promise<SipAgent> => {
  const clock = new TimerWheel(systemClock, { tick: 5 });
  const transport = await createTransport({
    listen: [{ protocol, address: '127.0.0.1', port: 0 }],
    clock,
    random: systemRandom,
    logger: silentLogger,
    resolver: noNames,
  });
  const it = new SipAgent(lossy(transport, lose), clock, { timers: quick, random: systemRandom });
  atEnd(async () => {
    it.core.close();
    await transport.close();
    assert.equal(clock.pending, 0, 'timers are left');
  });
  return it;
};

const uriOf = ({ core }: SipAgent): string => {
  const { protocol, local } = core.transport.listeners[0] ?? assert.fail();
  return `sip:bob@127.0.0.1:${local.port}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
};

/** Answers everything but INVITE with 200, and an INVITE with 180. */
const obliging = (it: SipAgent): void => {
  it.script = (incoming) =>
    it.core.respond(incoming, { status: incoming.request.method === 'INVITE' ? 180 : 200 });
};

const counts = ({ core }: SipAgent) => {
  const { dialogs, waiting, outgoing } = core.describe() as Record<string, number>;
  return { dialogs, waiting, outgoing };
};
const nothing = { dialogs: 0, waiting: 0, outgoing: 0 };

for (const protocol of ['udp', 'tcp'] as const) {
  describe(`signaling stack on real sockets, ${protocol}`, () => {
    afterEach(endAll);

    it('INVITE, 180, 200, ACK, INFO both ways, BYE from the called side', async () => {
      const a = await agent(protocol);
      const b = await agent(protocol);
      obliging(a);
      obliging(b);
      const call = a.send({ method: 'INVITE', uri: uriOf(b), headers: [sdpType], body: sdp });
      await until(() => call.statuses.includes(180));
      const incoming = b.requests[0] ?? assert.fail();
      b.core.respond(incoming, { status: 200, headers: [sdpType], body: sdp });
      await until(() => call.statuses.includes(200));
      const ours = call.responses.at(-1)?.dialog ?? assert.fail();
      a.core.ack(ours, {});
      await until(() => b.acks.length === 1);
      const theirs = b.acks[0]?.dialog ?? assert.fail();
      const info = a.sendIn(ours, { method: 'INFO' });
      const back = b.sendIn(theirs, { method: 'INFO' });
      await until(() => info.statuses.includes(200) && back.statuses.includes(200));
      const bye = b.sendIn(theirs, { method: 'BYE' });
      await until(() => bye.statuses.includes(200));
      assert.deepEqual(counts(a), nothing);
      assert.deepEqual(counts(b), nothing);
    });

    it('CANCEL', async () => {
      const a = await agent(protocol);
      const b = await agent(protocol);
      obliging(b);
      const call = a.send({ method: 'INVITE', uri: uriOf(b) });
      await until(() => call.statuses.includes(180));
      assert.ok(a.core.cancel(call.outgoing));
      await until(() => call.statuses.includes(487));
      assert.equal(b.cancels.length, 1);
      assert.deepEqual(counts(a), nothing);
      assert.deepEqual(counts(b), nothing);
    });

    it('PRACK, then a re-INVITE glare, then BYE (RFC 3262, RFC 3261 §14)', async () => {
      const a = await agent(protocol);
      const b = await agent(protocol);
      const call = a.send({ method: 'INVITE', uri: uriOf(b), headers: [field('Supported', '100rel')] });
      await until(() => b.requests.length === 1);
      const incoming = b.requests[0] ?? assert.fail();
      obliging(b);
      b.core.respond(incoming, {
        status: 183,
        headers: [field('Require', '100rel'), sdpType],
        body: sdp,
      });
      await until(() => call.statuses.includes(183));
      const { response, dialog } = call.responses[0] ?? assert.fail();
      assert.ok(dialog);
      const rack = `${response.headers.get('RSeq')} ${response.headers.get('CSeq')}`;
      const prack = a.sendIn(dialog, { method: 'PRACK', headers: [field('RAck', rack)] });
      await until(() => prack.statuses.includes(200));
      b.core.respond(incoming, { status: 200 });
      await until(() => call.statuses.includes(200));
      a.core.ack(dialog, { headers: [sdpType], body: sdp });
      await until(() => b.acks.length === 1);
      const theirs = b.acks[0]?.dialog ?? assert.fail();
      const mine = a.sendIn(dialog, { method: 'INVITE', headers: [sdpType], body: sdp });
      const yours = b.sendIn(theirs, { method: 'INVITE', headers: [sdpType], body: sdp });
      await until(() => mine.statuses.includes(491) && yours.statuses.includes(491));
      const bye = a.sendIn(dialog, { method: 'BYE' });
      await until(() => bye.statuses.includes(200));
      assert.deepEqual(counts(b), nothing);
    });

    it('of four messages one is lost, twenty calls at once', async () => {
      let sent = 0;
      const lose = () => protocol === 'udp' && ++sent % 4 === 0;
      const a = await agent(protocol, lose);
      const b = await agent(protocol, lose);
      obliging(b);
      const calls = Array.from({ length: 20 }, () => a.send({ method: 'INVITE', uri: uriOf(b) }));
      await until(() => b.requests.length === 20);
      for (const incoming of b.requests) b.core.respond(incoming, { status: 200 });
      await until(() => calls.every(({ statuses }) => statuses.includes(200)));
      for (const { responses } of calls) a.core.ack(responses.at(-1)?.dialog ?? assert.fail(), {});
      await until(() => b.acks.length === 20);
      const byes = calls.map(({ responses }) =>
        a.sendIn(responses.at(-1)?.dialog ?? assert.fail(), { method: 'BYE' }),
      );
      await until(() => byes.every(({ statuses }) => statuses.includes(200)));
      assert.deepEqual(counts(a), nothing);
      assert.deepEqual(counts(b), nothing);
    });
  });
}

describe('signaling stack on real sockets, ws', () => {
  afterEach(endAll);

  it('a WebSocket is not dialled (RFC 7118 §5): no transport, at once', async () => {
    const a = await agent('ws');
    const call = a.send({ method: 'INVITE', uri: 'sip:bob@127.0.0.1:9;transport=ws' });
    assert.deepEqual(
      call.sent.map((sent) => (sent.ok ? 'ok' : sent.error)),
      ['no-transport'],
    );
    assert.deepEqual(counts(a), nothing);
  });
});
