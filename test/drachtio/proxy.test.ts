import assert from 'node:assert/strict';
import { silentLogger } from '../../src/base/index.ts';
import { runEngine, type Engine } from '../../src/drachtio/engine.ts';
import { AdminClient } from './admin-client.ts';
import { SipPeer } from './sip-peer.ts';

describe('proxy command (RFC 3261 §16)', () => {
  let engine: Engine;
  let app: AdminClient;
  let port: number;
  const peers: SipPeer[] = [];
  const peer = async (): Promise<SipPeer> => {
    const one = await SipPeer.open();
    peers.push(one);
    return one;
  };

  beforeEach(async () => {
    engine = await runEngine({ listen: ['udp:127.0.0.1:0'], admin: { secret: 's' } }, silentLogger);
    port = engine.listeners[0]?.port ?? 0;
    app = await AdminClient.open(engine.admin.port, 's', 'invite', 'message', 'register');
  });

  afterEach(async () => {
    app.close();
    for (const one of peers.splice(0)) one.close();
    await engine.close();
  });

  const order = (txn: string, options: string, targets: readonly SipPeer[]) =>
    `proxy|${txn}|${options}|${targets.map(({ uri }) => uri).join('|')}\r\nINVITE ${targets[0]?.uri} SIP/2.0\r\nX-Added: yes\r\n\r\n`;
  const replies = (id: string) => app.next(({ tokens }) => tokens[1] === 'response' && tokens[2] === id);

  it('forwards with Record-Route; ACK and BYE pass through, the application sees the response and the end', async () => {
    const [caller, callee] = [await peer(), await peer()];
    const invite = caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    const id = app.send(order(tokens[8] ?? '', 'remainInDialog|fullResponse||serial||', [callee]));
    const forwarded = await callee.nextRequest('INVITE');
    assert.equal(forwarded.uri, callee.uri);
    assert.equal(forwarded.headers.get('max-forwards'), '69');
    assert.equal(forwarded.headers.get('x-added'), 'yes');
    assert.equal(forwarded.headers.list('via').length, 2);
    assert.match(forwarded.headers.get('record-route') ?? '', new RegExp(`^<sip:127.0.0.1:${port};lr>$`));
    callee.respond(forwarded, port, 180);
    await caller.nextResponse(180);
    callee.respond(forwarded, port, 200);
    const ok = await caller.nextResponse(200);
    assert.equal(ok.headers.list('via').length, 1);
    const progress = await replies(id);
    assert.deepEqual([progress.tokens[3], progress.tokens[12]], ['OK', 'continue']);
    assert.deepEqual(progress.tokens.slice(7, 9), ['127.0.0.1', String(callee.port)]);
    assert.match(progress.sip, /^SIP\/2\.0 200/);
    assert.deepEqual((await replies(id)).tokens.slice(3), ['OK', 'done']);

    caller.inDialog(invite, ok, '1 ACK');
    const ack = await callee.nextRequest('ACK');
    assert.equal(ack.headers.has('route'), false);
    caller.inDialog(invite, ok, '2 BYE');
    const bye = await callee.nextRequest('BYE');
    callee.respond(bye, port, 200);
    await caller.nextResponse(200, 'BYE');
  });

  it('parallel: the first answer wins, the others get CANCEL', async () => {
    const [caller, a, b] = [await peer(), await peer(), await peer()];
    caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    app.send(order(tokens[8] ?? '', '|fullResponse||simultaneous||', [a, b]));
    const [toA, toB] = [await a.nextRequest('INVITE'), await b.nextRequest('INVITE')];
    assert.equal(toA.headers.has('record-route'), false);
    b.respond(toB, port, 180);
    a.respond(toA, port, 200);
    await caller.nextResponse(200);
    const cancel = await b.nextRequest('CANCEL');
    b.respond(cancel, port, 200);
    b.respond(toB, port, 487);
    await b.nextRequest('ACK');
  });

  it('serial: the next target after a failure, and the best of all failures at the end', async () => {
    const [caller, a, b] = [await peer(), await peer(), await peer()];
    caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    const id = app.send(order(tokens[8] ?? '', '|fullResponse||serial||', [a, b]));
    a.respond(await a.nextRequest('INVITE'), port, 486);
    b.respond(await b.nextRequest('INVITE'), port, 503);
    await caller.nextResponse(486);
    assert.match((await replies(id)).sip, /^SIP\/2\.0 486/);
    assert.match((await replies(id)).sip, /^SIP\/2\.0 503/);
    assert.deepEqual((await replies(id)).tokens.slice(3), ['OK', 'done']);
  });

  it('serial: a target that does not ring in time is left for the next', async () => {
    const [caller, a, b] = [await peer(), await peer(), await peer()];
    caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    app.send(order(tokens[8] ?? '', '|fullResponse||serial|50ms|', [a, b]));
    await a.nextRequest('INVITE');
    b.respond(await b.nextRequest('INVITE'), port, 200);
    await caller.nextResponse(200);
  });

  it('follows redirects', async () => {
    const [caller, a, b] = [await peer(), await peer(), await peer()];
    caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    app.send(order(tokens[8] ?? '', '|fullResponse|followRedirects|serial||', [a]));
    a.respond(await a.nextRequest('INVITE'), port, 302, { Contact: `<${b.uri};x=1>` });
    const redirected = await b.nextRequest('INVITE');
    assert.equal(redirected.uri, `${b.uri};x=1`);
    b.respond(redirected, port, 200);
    await caller.nextResponse(200);
  });

  it("the caller's CANCEL goes to the targets, and what they say of it back", async () => {
    const [caller, a] = [await peer(), await peer()];
    const invite = caller.request(port, 'INVITE');
    const { tokens } = await app.event('INVITE ');
    app.send(order(tokens[8] ?? '', '|fullResponse||serial||', [a]));
    const toA = await a.nextRequest('INVITE');
    a.respond(toA, port, 180);
    await caller.nextResponse(180);
    caller.request(port, 'CANCEL', {
      uri: invite.uri,
      ...Object.fromEntries(['Via', 'From', 'To', 'Call-ID'].map((n) => [n, invite.headers.get(n) ?? ''])),
    });
    await caller.nextResponse(200, 'CANCEL');
    a.respond(await a.nextRequest('CANCEL'), port, 200);
    a.respond(toA, port, 487);
    await caller.nextResponse(487, 'INVITE');
  });

  it('no hops left: 483; no target that could be one: 500', async () => {
    const caller = await peer();
    caller.request(port, 'MESSAGE', { 'Max-Forwards': '0' });
    const first = await app.event('MESSAGE ');
    const hops = await app.command(order(first.tokens[8] ?? '', '|fullResponse||serial||', [caller]));
    assert.deepEqual(hops.tokens, ['NOK', 'Rejected with 483 Too Many Hops due to Max-Forwards value of 0']);
    await caller.nextResponse(483);
    caller.request(port, 'MESSAGE');
    const second = await app.event('MESSAGE ');
    const none = await app.command(
      `proxy|${second.tokens[8]}||fullResponse||serial|||nonsense\r\nMESSAGE x SIP/2.0\r\n\r\n`,
    );
    assert.deepEqual(none.tokens, ['NOK', 'error proxying request to ']);
    await caller.nextResponse(500);
  });

  it('a REGISTER passes with a Path (RFC 3327)', async () => {
    const [caller, registrar] = [await peer(), await peer()];
    caller.request(port, 'REGISTER');
    const { tokens } = await app.event('REGISTER ');
    app.send(order(tokens[8] ?? '', 'remainInDialog|fullResponse||serial||', [registrar]));
    const register = await registrar.nextRequest('REGISTER');
    assert.match(register.headers.get('path') ?? '', new RegExp(`<sip:127.0.0.1:${port};lr>`));
    assert.equal(register.headers.has('record-route'), false);
    registrar.respond(register, port, 200);
    await caller.nextResponse(200);
  });
});
