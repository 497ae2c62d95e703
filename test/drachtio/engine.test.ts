import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { silentLogger, type Logger } from '../../src/base/index.ts';
import { runEngine, type Engine } from '../../src/drachtio/engine.ts';
import type { EngineSettings } from '../../src/drachtio/options.ts';
import { AdminClient } from './admin-client.ts';
import { SipPeer } from './sip-peer.ts';

const secret = 'cymru';
const sdp =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

describe('signaling engine, by its wire protocols', () => {
  let engine: Engine;
  const faults: object[] = [];
  const log: Logger = { ...silentLogger, error: (fields) => faults.push(fields), child: () => log };
  const clients: AdminClient[] = [];
  const peers: SipPeer[] = [];

  const start = async (settings: Partial<EngineSettings> = {}): Promise<number> => {
    engine = await runEngine(
      { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'], admin: { secret }, ...settings },
      log,
    );
    return engine.listeners.find(({ protocol }) => protocol === 'udp')?.port ?? 0;
  };
  const application = async (...verbs: readonly string[]): Promise<AdminClient> => {
    const client = await AdminClient.open(engine.admin.port, secret, ...verbs);
    clients.push(client);
    return client;
  };
  const peer = async (): Promise<SipPeer> => {
    const one = await SipPeer.open();
    peers.push(one);
    return one;
  };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const one of peers.splice(0)) one.close();
    await engine.close();
  });

  /** An answered call from the peer to the application. */
  const answered = async (port: number, app: AdminClient, caller: SipPeer) => {
    const invite = caller.request(port, 'INVITE', { body: sdp });
    const event = await app.event('INVITE ');
    const txn = event.tokens[8] ?? '';
    const echo = await app.command(
      `sip|${txn}|\r\nSIP/2.0 200 OK\r\nContent-Type: application/sdp\r\nTo: <sip:x@y>;tag=mine\r\n\r\n${sdp}`,
    );
    const ok = await caller.nextResponse(200);
    caller.inDialog(invite, ok, '1 ACK');
    const ack = await app.event('ACK ');
    return { invite, event, echo, ok, ack, txn, dialogId: echo.tokens[8] ?? '' };
  };

  describe('requests from the network', () => {
    it('an INVITE: event with the peer and the local address, answer, ACK as event, BYE', async () => {
      const port = await start();
      const app = await application('invite');
      const caller = await peer();
      const { invite, event, echo, ok, ack, txn, dialogId } = await answered(port, app, caller);
      const callId = invite.headers.get('call-id') ?? '';
      const tag = /tag=(.*)/.exec(invite.headers.get('from') ?? '')?.[1];

      assert.deepEqual(event.tokens.slice(1, 3), ['sip', 'network']);
      assert.deepEqual(event.tokens.slice(4, 7), ['udp', '127.0.0.1', String(caller.port)]);
      assert.match(event.tokens[7] ?? '', /^\d\d:\d\d:\d\d\.\d{6}$/);
      assert.deepEqual(event.tokens.slice(9), ['', '127.0.0.1', String(port), '']);
      assert.match(event.sip, new RegExp(`rport=${caller.port}`));
      assert.ok(event.sip.endsWith(sdp));

      assert.equal(echo.tokens[0], 'OK');
      assert.deepEqual(echo.tokens.slice(1, 2), ['application']);
      assert.deepEqual(echo.tokens.slice(7), [txn, `${callId};from-tag=${tag}`, '', 'Msg sent:', '']);
      assert.match(echo.sip, /^SIP\/2\.0 200 OK\r\n/);
      assert.match(echo.sip, /Contact: </);
      assert.match(ok.headers.get('to') ?? '', /;tag=mine$/);

      assert.equal(ack.tokens[9], dialogId);
      assert.equal(ack.tokens[8], txn);

      caller.inDialog(invite, ok, '2 BYE');
      const bye = await app.event('BYE ');
      assert.equal(bye.tokens[9], dialogId);
      assert.notEqual(bye.tokens[8], txn);
      const done = await app.command(`sip|${bye.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      assert.equal(done.tokens[0], 'OK');
      await caller.nextResponse(200, 'BYE');
      assert.equal(engine.stats().dialogs, 0);
    });

    it('nobody there: 503; a method that nobody ever wants: 501; outside any dialog: 481', async () => {
      const port = await start();
      const caller = await peer();
      caller.request(port, 'INVITE');
      await caller.nextResponse(503);
      for (const [method, status] of [
        ['OPTIONS', 503],
        ['REFER', 503],
        ['FOO', 501],
        ['FLOW-CLOSED', 501],
        ['BYE', 481],
        ['PRACK', 481],
        ['UPDATE', 481],
      ] as const) {
        caller.request(port, method);
        await caller.nextResponse(status, method);
      }
      caller.request(port, 'INVITE', { To: `<sip:app@127.0.0.1:${port}>;tag=unknown` });
      await caller.nextResponse(481, 'INVITE');
    });

    it('applications get names of headers in full, whichever form they came in (RFC 3261 §7.3.3)', async () => {
      const port = await start();
      const app = await application('message');
      const caller = await peer();
      caller.request(port, 'MESSAGE', { o: 'presence', r: '<sip:b@pbx.test>', e: 'gzip', Subject: 'x' });
      const { sip } = await app.event('MESSAGE ');
      for (const line of [
        'Event: presence',
        'Refer-To: <sip:b@pbx.test>',
        'Content-Encoding: gzip',
        'Subject: x',
      ])
        assert.ok(sip.includes(`\r\n${line}\r\n`), line);
    });

    it('CANCEL: 200 and 487 by the engine, the application is told, its own answer is refused', async () => {
      const port = await start();
      const app = await application('invite');
      const caller = await peer();
      const invite = caller.request(port, 'INVITE', { body: sdp });
      const { tokens } = await app.event('INVITE ');
      const echo = await app.command(`sip|${tokens[8]}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
      await caller.nextResponse(180);
      caller.request(port, 'CANCEL', {
        ...Object.fromEntries(
          ['Via', 'From', 'To', 'Call-ID'].map((name) => [name, invite.headers.get(name) ?? '']),
        ),
        uri: invite.uri,
      });
      await caller.nextResponse(200, 'CANCEL');
      await caller.nextResponse(487, 'INVITE');
      const cancel = await app.event('CANCEL ');
      assert.equal(cancel.tokens[8], tokens[8]);
      assert.equal(cancel.tokens[9], echo.tokens[8]);
      const late = await app.command(`sip|${tokens[8]}|\r\nSIP/2.0 487 Request Terminated\r\n\r\n`);
      assert.deepEqual(late.tokens, ['NOK', 'Response not sent due to unknown transaction']);
    });

    it('UPDATE before the answer (RFC 3311): answered by its own id, or by the id of the INVITE and its CSeq', async () => {
      const port = await start();
      const app = await application('invite');
      const caller = await peer();
      const invite = caller.request(port, 'INVITE', { body: sdp, Supported: '100rel' });
      const { tokens } = await app.event('INVITE ');
      const txn = tokens[8] ?? '';
      await app.command(`sip|${txn}|\r\nSIP/2.0 183 Session Progress\r\nRequire: 100rel\r\n\r\n${sdp}`);
      const ringing = await caller.nextResponse(183);
      const rseq = ringing.headers.get('rseq') ?? '';
      caller.inDialog(invite, ringing, '2 PRACK', { RAck: `${rseq} 1 INVITE` });
      const prack = await app.event('PRACK ');
      await app.command(`sip|${prack.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      await caller.nextResponse(200, 'PRACK');
      caller.inDialog(invite, ringing, '3 UPDATE', { 'Content-Type': 'application/sdp', body: sdp });
      const first = await app.event('UPDATE ');
      assert.ok(first.tokens[9]);
      await app.command(`sip|${first.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp}`);
      await caller.nextResponse(200, 'UPDATE');
      caller.inDialog(invite, ringing, '4 UPDATE', { 'Content-Type': 'application/sdp', body: sdp });
      await app.event('UPDATE ');
      const reply = await app.command(`sip|${txn}|\r\nSIP/2.0 200 OK\r\nCSeq: 4 UPDATE\r\n\r\n${sdp}`);
      assert.equal(reply.tokens[0], 'OK');
      await caller.nextResponse(200, 'UPDATE');
    });

    it('round robin over the applications of a verb', async () => {
      const port = await start();
      const apps = [await application('message'), await application('message')];
      const caller = await peer();
      for (let i = 0; i < 4; i++) caller.request(port, 'MESSAGE');
      for (const app of apps) for (let i = 0; i < 2; i++) await app.event('MESSAGE ');
    });

    it('spammers get 603, the agreed User-Agent 200, a bad REGISTER 400, without any application', async () => {
      const port = await start({
        spammers: [
          { header: 'user-agent', values: ['friendly-scanner'] },
          { header: 'to', values: ['sipvicious'] },
        ],
        optionsAutoRespond: 'monitor',
      });
      const caller = await peer();
      caller.request(port, 'INVITE', { 'User-Agent': 'a friendly-scanner 2' });
      await caller.nextResponse(603, 'INVITE');
      caller.request(port, 'OPTIONS', { To: '<sip:sipvicious@x>' });
      await caller.nextResponse(603, 'OPTIONS');
      caller.request(port, 'OPTIONS', { 'User-Agent': 'monitor' });
      await caller.nextResponse(200, 'OPTIONS');
      caller.request(port, 'REGISTER', { Contact: '*', Expires: '60' });
      await caller.nextResponse(400, 'REGISTER');
    });

    it('a request that the application forgets is answered all the same', async () => {
      const port = await start({ pendingRequestMs: 100 });
      const app = await application('invite', 'message');
      const caller = await peer();
      caller.request(port, 'INVITE');
      const { tokens } = await app.event('INVITE ');
      await caller.nextResponse(480, 'INVITE');
      caller.request(port, 'MESSAGE');
      await caller.nextResponse(500, 'MESSAGE');
      const late = await app.command(`sip|${tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      assert.deepEqual(late.tokens, ['NOK', 'Response not sent due to unknown transaction']);
    });
  });

  describe('requests from applications', () => {
    it('INVITE: OK before any event, responses as events, ACK and BYE in the dialog', async () => {
      const port = await start();
      const app = await application();
      const callee = await peer();
      const sent = await app.command(
        `sip||\r\nINVITE ${callee.uri} SIP/2.0\r\nFrom: <sip:100@localhost>\r\nbad header: x\r\nfoo-bar: 1\r\nVia: nonsense\r\n\r\n${sdp}`,
      );
      const invite = await callee.nextRequest('INVITE');
      assert.deepEqual([sent.tokens[0], sent.tokens[8]], ['OK', 'Msg sent:']);
      assert.equal(invite.headers.get('content-type'), 'application/sdp');
      assert.match(invite.headers.get('from') ?? '', new RegExp(`<sip:100@127.0.0.1:${port}>;tag=`));
      assert.equal(invite.headers.get('foo-bar'), '1');
      assert.equal(invite.headers.has('bad header'), false);
      assert.equal(invite.headers.all('via').length, 1);
      assert.ok(sent.sip.includes(`From: ${invite.headers.get('from')}`));

      callee.respond(invite, port, 100);
      callee.respond(invite, port, 180);
      const ringing = await app.event('SIP/2.0 180');
      assert.equal(ringing.tokens[8], sent.tokens[7]);
      const tag = /tag=(.*)/.exec(invite.headers.get('from') ?? '')?.[1];
      const dialogId = `${invite.headers.get('call-id')};from-tag=${tag}`;
      assert.equal(ringing.tokens[9], dialogId);
      callee.respond(invite, port, 200, { body: sdp });
      const ok = await app.event('SIP/2.0 200');
      assert.equal(ok.tokens[9], dialogId);

      const acked = await app.command(`sip||${dialogId}\r\nACK sip:x@y SIP/2.0\r\n\r\n`);
      assert.equal(acked.tokens[0], 'OK');
      const ack = await callee.nextRequest('ACK');
      assert.equal(ack.uri, callee.uri);
      assert.equal(ack.headers.get('cseq')?.split(' ')[0], invite.headers.get('cseq')?.split(' ')[0]);

      const info = await app.command(
        `sip||${dialogId}\r\nINFO sip:placeholder SIP/2.0\r\nContent-Type: text/plain\r\n\r\nhi`,
      );
      assert.equal(info.tokens[0], 'OK');
      const gotInfo = await callee.nextRequest('INFO');
      assert.equal(gotInfo.body.toString(), 'hi');
      callee.respond(gotInfo, port, 200);
      const infoOk = await app.event('SIP/2.0 200');
      assert.deepEqual([infoOk.tokens[8], infoOk.tokens[9]], [info.tokens[7], dialogId]);

      await app.command(`sip||${dialogId}\r\nBYE sip:placeholder SIP/2.0\r\nReason: SIP ;cause=200\r\n\r\n`);
      const bye = await callee.nextRequest('BYE');
      assert.equal(bye.headers.get('reason'), 'SIP ;cause=200');
      callee.respond(bye, port, 200);
      await app.event('SIP/2.0 200');
      const late = await app.command(`sip||${dialogId}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`);
      assert.deepEqual(late.tokens, ['NOK', 'Server error: unable to find dialog for dialog id provided']);
    });

    it('CANCEL with a Reason goes out as soon as the peer has answered anything; its 487 comes as event', async () => {
      const port = await start();
      const app = await application();
      const callee = await peer();
      const sent = await app.command(`sip||\r\nINVITE ${callee.uri} SIP/2.0\r\n\r\n${sdp}`);
      const invite = await callee.nextRequest('INVITE');
      const text = 'SIP;cause=200;text="Call completed elsewhere"';
      const cancelled = app.command(
        `sip|${sent.tokens[7]}|\r\nCANCEL ${callee.uri} SIP/2.0\r\nReason: ${text}\r\nFrom: <sip:evil@x>\r\n\r\n`,
      );
      callee.respond(invite, port, 180);
      const cancel = await callee.nextRequest('CANCEL');
      assert.equal(cancel.headers.get('reason'), text);
      assert.equal(cancel.headers.get('from'), invite.headers.get('from'));
      assert.equal((await cancelled).tokens[0], 'OK');
      callee.respond(cancel, port, 200);
      callee.respond(invite, port, 487);
      await callee.nextRequest('ACK');
      assert.equal((await app.event('SIP/2.0 487')).tokens[8], sent.tokens[7]);
      const unknown = await app.command(`sip|${sent.tokens[7]}|\r\nCANCEL ${callee.uri} SIP/2.0\r\n\r\n`);
      assert.match(unknown.tokens.join(' '), /^NOK unable to cancel unknown transaction id: /);
    });

    it('errors are told in their own words', async () => {
      const port = await start();
      const app = await application();
      for (const [command, text] of [
        ['sip||\r\nINVITE nonsense SIP/2.0\r\n\r\n', 'invalid request-uri: nonsense'],
        ['sip||\r\nINVITE tel:+4930 SIP/2.0\r\n\r\n', 'invalid request-uri: tel:+4930'],
        [`sip||\r\nOPTIONS sip:x@127.0.0.1:${port} SIP/2.0\r\n\r\n`, 'can not send request to myself'],
        [
          'sip||\r\nOPTIONS sip:x@127.0.0.1:9;transport=tls SIP/2.0\r\n\r\n',
          'requested protocol/transport not available',
        ],
        ['sip||\r\nMESSAGE sip:x@127.0.0.1:9 SIP/2.0\r\n\r\nhello', 'missing content-type'],
        [
          'sip||nowhere\r\nINFO sip:x SIP/2.0\r\n\r\n',
          'Server error: unable to find dialog for dialog id provided',
        ],
        [
          'sip||nowhere\r\nACK sip:x SIP/2.0\r\n\r\n',
          'Server error: ACK for non-success final response is automatically generated by server',
        ],
        ['sip|none|\r\nSIP/2.0 200 OK\r\n\r\n', 'Response not sent due to unknown transaction'],
        [
          'sip|none|\r\nSIP/2.0 200 OK\r\nCSeq: 1 CANCEL\r\n\r\n',
          '200 OK to incoming CANCEL is automatically generated by the stack',
        ],
        ['proxy|none||||serial|||sip:a@b', 'Unknown transaction id: none'],
      ] as const)
        assert.deepEqual((await app.command(command)).tokens, ['NOK', text], command);
      const last = await app.command('sip||\r\nSIP/2.0 200 OK\r\n\r\n');
      assert.deepEqual(last.tokens, ['NO', 'transaction id missing']);
    });

    it('an answer outside dialogs comes as event; without one, a 408 or 503 made here', async () => {
      const port = await start({ timers: { t1: 5, t2: 20, t4: 20 } });
      const app = await application();
      const callee = await peer();
      const sent = await app.command(`sip||\r\nOPTIONS ${callee.uri} SIP/2.0\r\n\r\n`);
      const options = await callee.nextRequest('OPTIONS');
      callee.respond(options, port, 200);
      const ok = await app.event('SIP/2.0 200');
      assert.deepEqual([ok.tokens[8], ok.tokens[9]], [sent.tokens[7], '']);
      const silent = await app.command(`sip||\r\nOPTIONS ${callee.uri} SIP/2.0\r\n\r\n`);
      const timeout = await app.event('SIP/2.0 408');
      assert.deepEqual(timeout.tokens.slice(5, 7), ['', '0']);
      assert.equal(timeout.tokens[8], silent.tokens[7]);
      const refused = await app.command('sip||\r\nOPTIONS sip:x@127.0.0.1:1;transport=tcp SIP/2.0\r\n\r\n');
      // Whoever is quicker: the refused connection, or the request to be queued on it.
      if (refused.tokens[0] === 'OK') await app.event('SIP/2.0 503');
    });
  });

  describe('what the engine does by itself', () => {
    it('a 200 that nobody acknowledges: BYE to the peer, and the application is told', async () => {
      const port = await start({ timers: { t1: 5, t2: 20, t4: 20 } });
      const app = await application('invite');
      const caller = await peer();
      caller.request(port, 'INVITE', { body: sdp });
      const { tokens } = await app.event('INVITE ');
      const echo = await app.command(`sip|${tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp}`);
      const bye = await caller.nextRequest('BYE');
      assert.match(bye.headers.get('reason') ?? '', /text="ACK timeout"/);
      const event = await app.event('BYE ');
      assert.deepEqual(event.tokens.slice(2, 3), ['application']);
      assert.deepEqual(event.tokens.slice(8, 10), ['unsolicited', echo.tokens[8]]);
      caller.respond(bye, port, 200);
    });

    it('call records of a call in and a call out, to one subscriber each', async () => {
      const port = await start({ cdrs: true });
      const app = await application('invite', 'cdr:attempt', 'cdr:start', 'cdr:stop');
      const record = async (kind: string) => {
        const { tokens, sip } = await app.next(({ tokens }) => tokens[1] === kind);
        return [...tokens.slice(2, 3), ...tokens.slice(4), sip.split(' ')[0]].join(' ');
      };
      const [caller, callee] = [await peer(), await peer()];
      const { invite, ok, dialogId } = await answered(port, app, caller);
      assert.equal(await record('cdr:attempt'), 'network INVITE');
      assert.equal(await record('cdr:start'), 'application uas SIP/2.0');
      await app.command(`sip||\r\nINVITE ${callee.uri} SIP/2.0\r\n\r\n${sdp}`);
      assert.equal(await record('cdr:attempt'), 'application INVITE');
      callee.respond(await callee.nextRequest('INVITE'), port, 486);
      assert.equal(await record('cdr:stop'), 'network call-rejected SIP/2.0');
      caller.inDialog(invite, ok, '2 BYE');
      assert.equal((await app.event('BYE ')).tokens[9], dialogId);
      assert.equal(await record('cdr:stop'), 'network normal-release BYE');
    });

    it('a session timer in the answer is kept (RFC 4028): the peer refreshes with UPDATE', async () => {
      const port = await start();
      const app = await application('invite');
      const caller = await peer();
      const invite = caller.request(port, 'INVITE', {
        'Session-Expires': '1800',
        Supported: 'timer',
        body: sdp,
      });
      const { tokens } = await app.event('INVITE ');
      await app.command(
        `sip|${tokens[8]}|\r\nSIP/2.0 200 OK\r\nSession-Expires: 1800;refresher=uac\r\n\r\n${sdp}`,
      );
      const ok = await caller.nextResponse(200);
      assert.match(ok.headers.get('session-expires') ?? '', /^1800;\s*refresher=uac$/);
      caller.inDialog(invite, ok, '1 ACK');
      caller.inDialog(invite, ok, '2 UPDATE', { 'Session-Expires': '20' });
      const small = await caller.nextResponse(422);
      assert.equal(small.headers.get('min-se'), '90');
    });
  });

  it('survives whatever an application says', async () => {
    await start();
    const word = fc.oneof(
      fc.constantFrom(
        '',
        'sip',
        'proxy',
        'route',
        'remove_route',
        'ping',
        'serial',
        'sip:a@127.0.0.1:9',
        '1s',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    const line = fc.oneof(
      fc.constantFrom(
        'INVITE sip:a@127.0.0.1:9 SIP/2.0',
        'SIP/2.0 200 OK',
        'ACK x SIP/2.0',
        'CSeq: 1 UPDATE',
        '',
      ),
      fc.constantFrom(
        'From: <sip:a@localhost',
        'To: ;tag=',
        'Contact: @localhost',
        'Call-ID: 1',
        'Require: 100rel',
      ),
      fc.string({ maxLength: 30 }),
    );
    const message = fc.tuple(fc.array(word, { maxLength: 9 }), fc.array(line, { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 6 }), async (messages) => {
        const app = await AdminClient.open(engine.admin.port, secret);
        for (const [words, lines] of messages) app.send(`${words.join('|')}\r\n${lines.join('\r\n')}`);
        const gone = once(app.socket, 'close');
        app.socket.end();
        await gone;
      }),
      { numRuns: 200 },
    );
    assert.deepEqual(faults, [], 'nothing was thrown');
    const app = await application('invite');
    assert.deepEqual((await app.command('ping')).tokens, ['OK', 'pong']);
  });

  it('leaves nothing behind when its calls are over', async () => {
    const port = await start({ timers: { t1: 20, t2: 80, t4: 20, d: 100 } });
    const app = await application('invite', 'message');
    const [caller, callee] = [await peer(), await peer()];
    for (let i = 0; i < 20; i++) {
      const { invite, ok } = await answered(port, app, caller);
      caller.inDialog(invite, ok, '2 BYE');
      const bye = await app.event('BYE ');
      await app.command(`sip|${bye.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      await caller.nextResponse(200, 'BYE');
      caller.request(port, 'INVITE');
      const second = await app.event('INVITE ');
      await app.command(`sip|${second.tokens[8]}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
      await app.command(`sip||\r\nINVITE ${callee.uri} SIP/2.0\r\n\r\n${sdp}`);
      const out = await callee.nextRequest('INVITE');
      callee.respond(out, port, i % 2 === 0 ? 404 : 200);
      const final = await app.event(`SIP/2.0 ${i % 2 === 0 ? 404 : 200}`);
      if (i % 2 === 0) continue;
      await app.command(`sip||${final.tokens[9]}\r\nACK x SIP/2.0\r\n\r\n`);
      await app.command(`sip||${final.tokens[9]}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
      callee.respond(await callee.nextRequest('BYE'), port, 200);
      await app.event('SIP/2.0 200');
    }
    type Description = {
      readonly stats: { readonly dialogs: number; readonly pendingRequests: number };
      readonly sentRequests: number;
      readonly transactions: { readonly servers: number; readonly clients: number };
    };
    const rest = () => {
      const { stats, sentRequests, transactions } = engine.describe() as Description;
      const { servers, clients } = transactions;
      return [stats.dialogs, stats.pendingRequests, sentRequests, servers, clients].join(' ');
    };
    while (rest() !== '0 0 0 0 0') await new Promise((turn) => setTimeout(turn, 20));
  });

  describe('an application that disconnects', () => {
    it('and does not come back: 503 to who waits, CANCEL to who rings, BYE to who talks', async () => {
      const port = await start({ applicationGraceMs: 50 });
      const app = await application('invite');
      const [talking, waiting, rung] = [await peer(), await peer(), await peer()];
      await app.command(`sip||\r\nINVITE ${rung.uri} SIP/2.0\r\n\r\n${sdp}`);
      const invite = await rung.nextRequest('INVITE');
      rung.respond(invite, port, 180);
      await app.event('SIP/2.0 180');
      await answered(port, app, talking);
      waiting.request(port, 'INVITE');
      await app.event('INVITE ');
      app.close();
      await waiting.nextResponse(503);
      const cancel = await rung.nextRequest('CANCEL');
      assert.match(cancel.headers.get('reason') ?? '', /Application gone/);
      rung.respond(cancel, port, 200);
      rung.respond(invite, port, 487);
      await rung.nextRequest('ACK');
      const bye = await talking.nextRequest('BYE');
      talking.respond(bye, port, 200);
    });

    it('and comes back in time: its calls go on', async () => {
      const port = await start({ applicationGraceMs: 5_000 });
      const app = await application('invite');
      const caller = await peer();
      const { invite, ok, dialogId } = await answered(port, app, caller);
      app.close();
      while (engine.stats().applications > 0) await new Promise((turn) => setImmediate(turn));
      caller.inDialog(invite, ok, '2 INFO');
      await caller.nextResponse(500, 'INFO');
      const again = await application('invite');
      caller.inDialog(invite, ok, '3 INFO');
      const info = await again.event('INFO ');
      assert.equal(info.tokens[9], dialogId);
      await again.command(`sip|${info.tokens[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      await caller.nextResponse(200, 'INFO');
    });
  });
});
