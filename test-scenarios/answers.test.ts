import assert from 'node:assert/strict';
import type { SipResponse } from '../src/sip/message/index.ts';
import { Phone } from '../src/testing/phone.ts';
import { domain, Product } from './product.ts';

const field = (name: string, value: string) => ({ name, value });

describe('what phones and strangers are told', function () {
  this.timeout(30_000);
  let product: Product;
  let bob: Phone;
  let ada: Phone;
  let stranger: Phone;
  before(async () => {
    product = await Product.start({ settings: { ring: { seconds: 1, memberSeconds: 1 } } });
    bob = await product.phone('2001');
    ada = await product.phone('1001');
    stranger = await Phone.open({ name: 'stranger', domain, server: product.server('udp') });
  });
  after(async () => {
    await stranger?.close();
    await product.close();
  });
  beforeEach(() => {
    ada.behaviour.rejectsWith = undefined;
  });

  const told = ({ status, reason }: SipResponse) => `${status} ${reason}`;
  /** How a call to somebody fails, as the caller's phone shows it. */
  const failure = async (target: string, options: Parameters<Phone['invite']>[1] = {}): Promise<string> => {
    const call = await bob.invite(target, options);
    await call.ended();
    return `${call.finalStatus} ${call.finalReason}`;
  };

  describe('OPTIONS', () => {
    it('the product itself answers 200 and says what it can do (RFC 3261 §11.2)', async () => {
      const response = await stranger.options(`sip:${domain}`);
      assert.equal(response.status, 200);
      for (const method of [
        'INVITE',
        'ACK',
        'CANCEL',
        'BYE',
        'OPTIONS',
        'REGISTER',
        'UPDATE',
        'PRACK',
        'REFER',
      ])
        assert.ok(response.headers.get('allow')?.includes(method), method);
      assert.match(response.headers.get('accept') ?? '', /application\/sdp/);
      assert.match(response.headers.get('supported') ?? '', /timer/);
      assert.match(response.headers.get('supported') ?? '', /replaces/);
    });

    it('a phone that is registered learns who is there: 200, 480, 404', async () => {
      assert.equal((await bob.options('100')).status, 200);
      assert.equal((await bob.options('1002')).status, 480);
      assert.equal((await bob.options('777')).status, 404);
      assert.equal((await bob.options('sip:100@elsewhere.test')).status, 404);
    });

    it('a stranger does not learn which extensions there are', async () => {
      const [known, unknown] = [await stranger.options('100'), await stranger.options('777')];
      assert.equal(known.status, unknown.status);
    });

    it('an unknown URI scheme: 416 (RFC 3261 §8.2.2.1)', async () => {
      const response = await stranger.options('nobodyKnowsThisScheme:totallyopaquecontent');
      assert.equal(response.status, 416);
    });

    it('an extension that is required and not there: 420 and its name (RFC 3261 §8.2.2.3)', async () => {
      const response = await stranger.request('OPTIONS', `sip:${domain}`, {
        headers: [field('Require', 'nothingSupportsThis, timer')],
      });
      assert.equal(response.status, 420);
      assert.equal(response.headers.get('unsupported'), 'nothingSupportsThis');
    });

    it('with no hops left the product still answers for itself (RFC 3261 §11)', async () => {
      const headers = [field('Max-Forwards', '0')];
      assert.equal((await stranger.request('OPTIONS', `sip:${domain}`, { headers })).status, 200);
    });
  });

  describe('INVITE', () => {
    it('S1-08 M-06 a stranger is challenged, in both algorithms, whomever it says it is', async () => {
      const call = await stranger.invite('100', {
        headers: [field('P-Asserted-Identity', `<sip:200@${domain}>`)],
      });
      await call.ended();
      assert.equal(call.finalStatus, 407);
      const challenges = (await call.received(407)).headers.all('proxy-authenticate');
      assert.deepEqual(
        challenges
          .map((text) => /algorithm=([^,]+)/.exec(text)?.[1])
          .toSorted((a = '', b = '') => a.localeCompare(b)),
        ['MD5', 'SHA-256'],
      );
      assert.equal(ada.rung.length, 0);
    });

    it('unknown: 404, nobody registered: 480, incomplete: 484', async () => {
      assert.equal(await failure('777'), '404 No such extension or number');
      assert.equal(await failure('1003'), '480 Not registered');
      assert.equal(await failure(`sip:${domain}`), '484 Number incomplete');
      assert.equal(await failure('sip:100@elsewhere.test'), '404 No such domain here');
    });

    it('busy: 486, declined: 603, no codec: 488, gone: 410, as the phone put it', async () => {
      for (const status of [486, 603, 488, 410]) {
        ada.behaviour.rejectsWith = status;
        assert.match(await failure('100'), new RegExp(`^${status} [A-Z]`));
      }
    });

    it('a phone that fails is nothing a caller can help: 480 with a reason', async () => {
      for (const status of [500, 503, 481, 400, 401, 407, 420, 501]) {
        ada.behaviour.rejectsWith = status;
        assert.match(await failure('100'), /^480 [A-Z]/);
      }
    });

    it('nobody answers: 480 and the phone stops ringing; it is told why (RFC 3326)', async () => {
      const before = ada.rung.length;
      const outgoing = await bob.invite('100');
      await ada.until(() => ada.rung.length > before, 'the call');
      const incoming = ada.rung.at(-1);
      assert.ok(incoming);
      await incoming.ring();
      await outgoing.ended();
      await incoming.ended();
      assert.equal(`${outgoing.finalStatus} ${outgoing.finalReason}`, '480 No answer');
      assert.match(incoming.endReason ?? '', /SIP;cause=408;text="No answer"/);
    });

    it('an unknown URI scheme: 416, an unknown extension required: 420, an unknown body: 415 (RFC 3261 §8.2)', async () => {
      const scheme = await bob.request('INVITE', 'mailto:ada@pbx.test');
      assert.equal(scheme.status, 416);
      const required = await bob.invite('100', { headers: [field('Require', 'nothingSupportsThis')] });
      await required.ended();
      assert.equal(required.finalStatus, 420);
      const body = await bob.request('INVITE', '100', {
        headers: [field('Content-Type', 'application/unknownformat')],
        body: '<audio/>',
      });
      assert.equal(body.status, 415);
      assert.match(body.headers.get('accept') ?? '', /application\/sdp/);
      const encoded = await bob.request('INVITE', '100', {
        headers: [field('Content-Type', 'application/sdp'), field('Content-Encoding', 'gzip')],
        body: 'xxxx',
      });
      assert.equal(encoded.status, 415);
      assert.equal(ada.rung.filter((call) => call.state !== 'ended').length, 0);
    });

    it('a body that is no SDP: 488', async () => {
      assert.match(await failure('100', { sdp: 'v=0\r\nthis is nothing\r\n' }), /^488 /);
    });

    it('a tel: number is dialled like any other (RFC 3966)', async () => {
      ada.behaviour.rejectsWith = 486;
      assert.match(await failure('tel:100'), /^486 /);
    });

    it('a flood of calls from one source: 503 with Retry-After', async () => {
      const small = await Product.start({
        settings: { limits: { callsPerSecond: 1, callBurst: 2, calls: 10, callsPerUser: 10 } },
      });
      const caller = await small.phone('2001');
      const statuses: (number | undefined)[] = [];
      for (let n = 0; n < 4; n++) {
        const call = await caller.invite('777');
        await call.ended();
        statuses.push(call.finalStatus);
      }
      await small.close();
      assert.deepEqual(statuses.slice(0, 2), [404, 404]);
      assert.equal(statuses[3], 503);
    });
  });

  describe('everything else', () => {
    it('outside a dialog: BYE, UPDATE, PRACK, INFO, NOTIFY 481; SUBSCRIBE, PUBLISH 489; REFER 403 (RFC 3261 §12.2.2, RFC 6665)', async () => {
      const statusOf = async (method: string, headers = [field('X-Test', '1')]) =>
        (await stranger.request(method, '100', { headers })).status;
      for (const method of ['BYE', 'UPDATE', 'INFO', 'NOTIFY', 'PRACK'])
        assert.equal(await statusOf(method), 481, method);
      for (const method of ['SUBSCRIBE', 'PUBLISH'])
        assert.equal(await statusOf(method, [field('Event', 'unheard-of')]), 489, method);
      assert.equal(await statusOf('REFER', [field('Refer-To', `<sip:200@${domain}>`)]), 403);
    });

    it('a method nobody knows: 501 (RFC 3261 §21.5.2)', async () => {
      assert.equal((await stranger.request('DANCE', '100')).status, 501);
    });

    it('a CANCEL for nothing: 481', async () => {
      const response = await stranger.request('CANCEL', '100');
      assert.equal(told(response).slice(0, 3), '481');
    });
  });
});
