import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { systemRandom } from '../../base/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { credentialsFor } from '../directory/index.ts';
import { parseDigestAnswers, responseFits } from './digest.ts';
import { authorization, challengesOf, registrarFixture, request, type Answering } from './fixture.test.ts';
import { Nonces, SourceGuard } from './index.ts';

type Fixture = Awaited<ReturnType<typeof registrarFixture>>;

describe('authenticator', () => {
  let f: Fixture;
  beforeEach(async () => {
    f = await registrarFixture();
  });
  afterEach(() => f.bindings.close());

  const nonceFor = (source = '192.0.2.1') => {
    const result = f.authenticator.check(request({ source }));
    return challengesOf(result.kind === 'ok' ? {} : result.headers)[0]?.nonce ?? '';
  };
  const check = (answering: Partial<Answering> = {}, source = '192.0.2.1') => {
    const nonce = answering.nonce ?? nonceFor(source);
    const value = authorization({ ...answering, nonce });
    return f.authenticator.check(request({ source, headers: { authorization: value } }));
  };
  const outcome = (result: ReturnType<typeof check>) => (result.kind === 'ok' ? 'ok' : result.status);
  const isStale = (result: ReturnType<typeof check>) =>
    result.kind === 'challenge' && challengesOf(result.headers).every((c) => c.stale);

  it('offers SHA-256 and MD5 together, the stronger first, on lines of their own (RFC 8760 §2.4)', () => {
    const result = f.authenticator.check(request());
    assert.equal(result.kind, 'challenge');
    assert.equal(outcome(result), 401);
    const { headers } = result;
    assert.deepEqual(
      challengesOf(headers).map(({ realm, algorithm, qop, stale }) => ({ realm, algorithm, qop, stale })),
      [
        { realm: 'pbx.test', algorithm: 'SHA-256', qop: 'auth', stale: false },
        { realm: 'pbx.test', algorithm: 'MD5', qop: 'auth', stale: false },
      ],
    );
    assert.match(headers['WWW-Authenticate'] ?? '', /^Digest [^\r\n]+\r\nWWW-Authenticate: Digest [^\r\n]+$/);
  });

  describe('carriers', () => {
    const call = { source: '192.0.2.9', method: 'INVITE', uri: 'sip:+15550100@pbx.test' };
    const answered = (password: string) => {
      const first = f.authenticator.checkCaller(request(call));
      assert.ok(first.kind === 'challenge');
      const nonce = challengesOf(first.headers)[0]?.nonce ?? '';
      const value = authorization({ method: call.method, uri: call.uri, username: 'them', password, nonce });
      return request({ ...call, headers: { 'proxy-authorization': value } });
    };
    beforeEach(() =>
      f.directory.putTrunk({
        id: 't',
        domain: 'pbx.test',
        name: 'carrier',
        host: 'c.example',
        transport: 'udp',
        register: false,
        inbound: { credentials: credentialsFor('them', 'pbx.test', 'their secret') },
      }),
    );

    it('prove with their trunk’s credentials who they are, for calls', () => {
      const result = f.authenticator.checkCaller(answered('their secret'));
      assert.ok(result.kind === 'trunk');
      assert.equal(result.trunk.name, 'carrier');
    });

    it('and for nothing else: they register no phone, and send no text', () => {
      const result = f.authenticator.check(answered('their secret'));
      assert.equal(outcome(result), 403);
    });

    it('are refused in the same words as anybody with a wrong password', () => {
      const wrong = f.authenticator.checkCaller(answered('a guess'));
      assert.ok(wrong.kind === 'forbidden');
      assert.deepEqual([wrong.status, wrong.reason], [403, 'Wrong username or password']);
    });
  });

  it('offers MD5 alone to phones that give up at the sight of anything else', () => {
    const result = f.authenticator.check(
      request({ headers: { 'user-agent': 'Baresip v1.0.0 (x86_64/linux)' } }),
    );
    assert.ok(result.kind === 'challenge');
    assert.deepEqual(
      challengesOf(result.headers).map(({ algorithm }) => algorithm),
      ['MD5'],
    );
  });

  it('takes a digest URI without a user, as load generators write it, but not one that names somebody else', () => {
    const invite = { method: 'INVITE', to: '2001', from: '1001' };
    const answered = (uri: string) => {
      const first = f.authenticator.check(request(invite));
      const nonce = challengesOf(first.kind === 'ok' ? {} : first.headers)[0]?.nonce ?? '';
      const value = authorization({ nonce, method: 'INVITE', uri });
      return outcome(
        f.authenticator.check(request({ ...invite, headers: { 'proxy-authorization': value } })),
      );
    };
    assert.equal(answered('sip:127.0.0.1:5060'), 'ok');
    assert.equal(answered('sip:2001@192.0.2.7:5060'), 'ok');
    assert.equal(answered('sip:3001@pbx.test'), 400);
  });

  it('challenges REGISTER with 401 and everything else with 407, and takes either header', () => {
    const invite = { method: 'INVITE', to: '2001', from: '1001' };
    const result = f.authenticator.check(request(invite));
    assert.equal(outcome(result), 407);
    const nonce = challengesOf(result.kind === 'ok' ? {} : result.headers)[0]?.nonce ?? '';
    for (const [i, name] of ['authorization', 'proxy-authorization'].entries()) {
      const value = authorization({ nonce, method: 'INVITE', uri: 'sip:2001@pbx.test', nc: i + 1 });
      const answered = f.authenticator.check(request({ ...invite, headers: { [name]: value } }));
      assert.equal(answered.kind === 'ok' && answered.device.extension, '1001', name);
    }
  });

  it('takes both algorithms', () => {
    assert.equal(outcome(check({ algorithm: 'MD5' })), 'ok');
    assert.equal(outcome(check({ algorithm: 'SHA-256' })), 'ok');
  });

  it('agrees with the example of RFC 7616 §3.9.1', () => {
    const value = (algorithm: string, response: string) =>
      `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=${algorithm}, ` +
      `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ` +
      `cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="${response}", ` +
      `opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
    const ha1 = {
      md5: '3d78807defe7de2157e2b0b6573a855f',
      sha256: '7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232',
    };
    for (const [algorithm, response] of [
      ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
      ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
    ] as const) {
      const [answer] = parseDigestAnswers(value(algorithm, response));
      assert.ok(answer);
      assert.ok(responseFits(answer, 'GET', algorithm, ha1), algorithm);
      assert.ok(!responseFits(answer, 'POST', algorithm, ha1));
    }
  });

  it('S1-08 S1-22 the identity is that of the password, whatever From says', () => {
    const nonce = nonceFor();
    const value = authorization({ nonce, username: '1002', method: 'INVITE', uri: 'sip:200@pbx.test' });
    const result = f.authenticator.check(
      request({ method: 'INVITE', to: '200', from: '2001', headers: { 'proxy-authorization': value } }),
    );
    assert.ok(result.kind === 'ok');
    assert.equal(result.device.name, 'Mobile app');
    assert.equal(result.user.name, 'Ada');
  });

  it('answers a wrong password and an unknown user alike', () => {
    const wrong = check({ password: 'guess' });
    const unknown = check({ username: '9999' });
    assert.equal(outcome(wrong), 403);
    assert.deepEqual(wrong, unknown);
  });

  it('an expired nonce is stale, and so is one of another realm, process or hand', () => {
    const nonce = nonceFor();
    f.clock.advance(300_001);
    assert.ok(isStale(check({ nonce })));
    const other = new Nonces({
      clock: f.clock,
      random: systemRandom,
      secret: systemRandom.hex(32),
      lifetimeMs: 1e6,
      maxUsed: 10,
    });
    for (const made of [
      other.issue('pbx.test'),
      f.nonces.issue('other.test'),
      'made-up',
      '-',
      ''.padEnd(50, '-'),
    ])
      assert.ok(isStale(check({ nonce: made })), made);
    assert.equal(f.guard.banned().length, 0);
  });

  it('refuses a replayed nonce count as stale, and takes later ones (RFC 7616 §3.4)', () => {
    const nonce = nonceFor();
    assert.equal(outcome(check({ nonce, nc: 1 })), 'ok');
    assert.ok(isStale(check({ nonce, nc: 1 })));
    assert.equal(outcome(check({ nonce, nc: 3 })), 'ok');
    assert.equal(outcome(check({ nonce, nc: 2 })), 'ok', 'two requests may overtake each other');
    assert.ok(isStale(check({ nonce, nc: 2 })));
    assert.equal(outcome(check({ nonce, nc: 0xff })), 'ok');
    assert.ok(isStale(check({ nonce, nc: 4 })), 'too far behind');
  });

  it('a captured answer calls nobody else', () => {
    const nonce = nonceFor();
    const value = authorization({ nonce, method: 'INVITE', uri: 'sip:200@pbx.test' });
    const result = f.authenticator.check(
      request({ method: 'INVITE', to: '900', from: '1001', headers: { authorization: value } }),
    );
    assert.equal(outcome(result), 400);
  });

  it('challenges again when there is no qop, no count, or another algorithm or realm', () => {
    const nonce = nonceFor();
    const spoilt = (from: RegExp, to: string) => {
      const value = authorization({ nonce }).replace(from, to);
      return f.authenticator.check(request({ headers: { authorization: value } }));
    };
    assert.equal(outcome(check({ qop: false })), 401);
    assert.equal(outcome(spoilt(/nc=\d+/, 'nc=1')), 401);
    assert.equal(outcome(spoilt(/qop=auth/, 'qop=auth-int')), 401);
    assert.equal(outcome(spoilt(/algorithm=MD5/, 'algorithm=MD5-sess')), 401);
    assert.equal(outcome(spoilt(/realm="[^"]*"/, 'realm="other"')), 401);
    assert.equal(outcome(spoilt(/^Digest/, 'Basic')), 401);
    assert.equal(f.guard.bannedFor('192.0.2.1'), 0);
  });

  it('takes an answer without qop where that is allowed, once for each nonce', async () => {
    const old = await registrarFixture({ withoutQop: true });
    const first = old.authenticator.check(request());
    const nonce = challengesOf(first.kind === 'ok' ? {} : first.headers)[1]?.nonce ?? '';
    const once = () =>
      old.authenticator.check(request({ headers: { authorization: authorization({ nonce, qop: false }) } }));
    assert.equal(outcome(once()), 'ok');
    assert.ok(isStale(once()));
    old.bindings.close();
  });

  it('bans an address after wrong passwords, for a while, and leaves others alone', () => {
    for (let i = 0; i < 3; i++) assert.equal(outcome(check({ password: 'guess' })), 403);
    assert.equal(outcome(f.authenticator.check(request())), 403, 'not even a challenge');
    assert.equal(outcome(check({}, '192.0.2.2')), 'ok');
    f.clock.advance(300_000);
    assert.equal(outcome(check()), 'ok');
  });

  it('does not count challenges and stale nonces as failures', () => {
    for (let i = 0; i < 10; i++) {
      f.authenticator.check(request());
      check({ nonce: 'old' });
      f.clock.advance(5000);
    }
    assert.equal(outcome(check()), 'ok');
  });

  it('a registered phone goes on when its neighbour behind the same NAT is banned', async () => {
    await f.register({ port: 7000, headers: { contact: '<sip:1001@10.0.0.1>' } });
    for (let i = 0; i < 3; i++) check({ password: 'guess' });
    assert.equal(outcome(f.authenticator.check(request({ port: 7001 }))), 403);
    assert.equal(outcome(f.authenticator.check(request({ port: 7000 }))), 401);
  });

  it('answers an address sparingly that only ever asks', () => {
    const statuses = Array.from({ length: 30 }, () => outcome(f.authenticator.check(request())));
    assert.deepEqual(statuses, [...Array<number>(20).fill(401), ...Array<number>(10).fill(503)]);
    f.clock.advance(5000);
    assert.equal(outcome(f.authenticator.check(request())), 401);
    for (let i = 0; i < 100; i++)
      assert.equal(outcome(check({}, '192.0.2.8')), 'ok', 'who knows the password pays nothing');
  });

  it('never throws on what is sent as Authorization', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseDigestAnswers(text);
        parseDigestAnswers(`Digest ${text}`);
        f.authenticator.check(request({ headers: { authorization: `Digest ${text}` } }));
      }),
    );
    const started = performance.now();
    for (const text of ['Digest '.repeat(9000), 'a'.repeat(8000), `Digest ${'a=b, '.repeat(1600)}`])
      parseDigestAnswers(text);
    assert.ok(performance.now() - started < 500);
  });
});

describe('nonces', () => {
  const make = (maxUsed: number) => {
    const clock = new VirtualClock();
    return {
      clock,
      nonces: new Nonces({ clock, random: systemRandom, secret: '00ff', lifetimeMs: 10_000, maxUsed }),
    };
  };

  it('costs no memory until it was used by who knows a password', () => {
    const { nonces } = make(10);
    for (let i = 0; i < 100; i++) nonces.check(nonces.issue('r'), 'r');
    assert.equal(nonces.remembered, 0);
  });

  it('remembers within its limit, and what it forgot cannot be replayed', () => {
    const { clock, nonces } = make(10);
    const used = Array.from({ length: 50 }, () => {
      clock.advance(1);
      const nonce = nonces.issue('r');
      nonces.take(nonce, 1);
      return nonce;
    });
    assert.ok(nonces.remembered <= 10);
    for (const nonce of used)
      assert.ok(nonces.check(nonce, 'r') === 'stale' || !nonces.take(nonce, 1), nonce);
    assert.equal(nonces.check(nonces.issue('r'), 'r'), 'fresh');
  });

  it('takes each count once, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 60 }), (counts) => {
        const { nonces } = make(10);
        const nonce = nonces.issue('r');
        const taken = counts.filter((count) => nonces.take(nonce, count));
        assert.equal(new Set(taken).size, taken.length);
      }),
    );
  });
});

describe('source guard', () => {
  it('remembers within its limit, and does not lift bans for it', () => {
    const clock = new VirtualClock();
    const options = { failureWindowMs: 1000, banMs: 60_000, burst: 1, perSecond: 1, maxSources: 10 };
    const guard = new SourceGuard({ clock, maxFailures: 1, ...options });
    guard.failed('bad');
    for (let i = 0; i < 1000; i++) guard.admit(`10.0.${i >> 8}.${i & 255}`);
    assert.equal(guard.remembered, 10);
    assert.deepEqual(guard.banned(), ['bad']);
    guard.pardon('bad');
    assert.equal(guard.bannedFor('bad'), 0);
  });

  it('counts failures within the window only', () => {
    const clock = new VirtualClock();
    const guard = new SourceGuard({
      clock,
      maxFailures: 2,
      failureWindowMs: 1000,
      banMs: 1000,
      burst: 1,
      perSecond: 1,
      maxSources: 10,
    });
    assert.equal(guard.failed('a'), false);
    clock.advance(1000);
    assert.equal(guard.failed('a'), false);
    assert.equal(guard.failed('a'), true);
  });
});
