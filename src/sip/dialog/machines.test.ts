import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { seededRandom, VirtualClock } from '../../testing/index.ts';
import { createRequest, createResponse } from '../message/index.ts';
import { defaultTimers } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';
import { glareDelay } from './glare.ts';
import { isBehindNat, isPrivate } from './nat.ts';
import { answerRule, reliableRule, Repeater, repeatStep, startRepeat, type RepeatState } from './repeat.ts';
import {
  isTooShort,
  sessionStep,
  termsOfAnswer,
  termsOfResponse,
  writeTerms,
  type SessionEvent,
  type SessionState,
} from './session-timer.ts';

const print = (effects: readonly { readonly do: string; readonly ms?: number }[]): string =>
  effects.map(({ do: act, ms }) => (ms === undefined ? act : `${act} ${ms}`)).join(', ');

describe('repetition until acknowledged (RFC 3261 §13.3.1.4, RFC 3262 §3)', () => {
  const rule = answerRule(defaultTimers);
  const waiting: RepeatState = { kind: 'waiting', interval: 2_000, elapsed: 1_500 };

  it('starts at T1', () => {
    const [state, effects] = startRepeat(rule);
    assert.equal(`${state.kind} (${print(effects)})`, 'waiting (start 500)');
  });
  it('waiting -> timer -> waiting (send, start 4000)', () => {
    const [state, effects] = repeatStep(waiting, 'timer', rule);
    assert.equal(`${state.kind} (${print(effects)})`, 'waiting (send, start 4000)');
  });
  it('waiting -> acknowledged -> acknowledged (stop)', () => {
    const [state, effects] = repeatStep(waiting, 'acknowledged', rule);
    assert.equal(`${state.kind} (${print(effects)})`, 'acknowledged (stop)');
  });
  it('waiting at 64*T1 -> timer -> given up (give up)', () => {
    const [state, effects] = repeatStep({ kind: 'waiting', interval: 500, elapsed: 31_500 }, 'timer', rule);
    assert.equal(`${state.kind} (${print(effects)})`, 'given up (give up)');
  });
  it('acknowledged and given up absorb everything', () => {
    for (const kind of ['acknowledged', 'given up'] as const) {
      for (const event of ['timer', 'acknowledged'] as const) {
        assert.deepEqual(repeatStep({ kind }, event, rule), [{ kind }, []]);
      }
    }
  });
  it('a reliable 1xx doubles without limit; both end after exactly 64*T1', () => {
    for (const [each, times] of [
      [answerRule(defaultTimers), [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]],
      [reliableRule(defaultTimers), [500, 1_500, 3_500, 7_500, 15_500, 31_500]],
    ] as const) {
      const clock = new VirtualClock();
      const sent: number[] = [];
      let end = 0;
      const repeater = new Repeater(clock, each, {
        send: () => sent.push(clock.now()),
        giveUp: () => (end = clock.now()),
      });
      repeater.start();
      clock.advance(100_000);
      assert.deepEqual(sent, times);
      assert.equal(end, 32_000);
      assert.equal(clock.pending, 0);
    }
  });
});

describe('session timer (RFC 4028 §10)', () => {
  const run = (state: SessionState, event: SessionEvent): string => {
    const [next, effects] = sessionStep(state, event);
    return `${next.kind} ${next.interval} (${print(effects)})`;
  };
  const at = (kind: SessionState['kind'], interval = 120): SessionState => ({ kind, interval });
  const agreed = (refresher: 'local' | 'remote'): SessionEvent => ({
    kind: 'agreed',
    interval: 120,
    refresher,
  });
  const refused = (status: number, minSe?: number): SessionEvent => ({
    kind: 'refused',
    status,
    delay: 2_500,
    ...(minSe !== undefined && { minSe }),
  });

  it('any -> agreed, they refresh -> watching (stop, start expiry 88 s)', () => {
    for (const kind of ['off', 'watching', 'refresher', 'refreshing'] as const)
      assert.equal(run(at(kind), agreed('remote')), 'watching 120 (stop, start expiry 88000)');
  });
  it('any -> agreed, we refresh -> refresher (stop, start expiry 88 s, start refresh 60 s)', () => {
    for (const kind of ['off', 'watching', 'refresher', 'refreshing'] as const)
      assert.equal(
        run(at(kind), agreed('local')),
        'refresher 120 (stop, start expiry 88000, start refresh 60000)',
      );
  });
  it('any -> none -> off (stop)', () => {
    for (const kind of ['watching', 'refresher', 'refreshing'] as const)
      assert.equal(run(at(kind), { kind: 'none' }), 'off 0 (stop)');
  });
  it('watching, refresher, refreshing -> expired -> off (stop, expire); off absorbs it', () => {
    for (const kind of ['watching', 'refresher', 'refreshing'] as const)
      assert.equal(run(at(kind), { kind: 'expired' }), 'off 0 (stop, expire)');
    assert.equal(run(at('off', 0), { kind: 'expired' }), 'off 0 ()');
  });
  it('refresher -> refresh due -> refreshing (refresh)', () =>
    assert.equal(run(at('refresher'), { kind: 'refresh due' }), 'refreshing 120 (refresh)'));
  it('refreshing -> refused 491 -> refresher (start refresh by the glare’s delay)', () =>
    assert.equal(run(at('refreshing'), refused(491)), 'refresher 120 (start refresh 2500)'));
  it('refreshing -> refused 422 -> refresher with the larger interval (start refresh 0)', () =>
    assert.equal(run(at('refreshing'), refused(422, 300)), 'refresher 300 (start refresh 0)'));
  it('refreshing -> refused 408, 481 -> off (stop, expire)', () => {
    for (const status of [408, 481])
      assert.equal(run(at('refreshing'), refused(status)), 'off 0 (stop, expire)');
  });
  it('refreshing -> refused 488 -> refresher (start refresh): tried until the session expires', () =>
    assert.equal(run(at('refreshing'), refused(488)), 'refresher 120 (start refresh 15000)'));
  it('never runs a timer when it is off, and always one when it is on', () => {
    const event: fc.Arbitrary<SessionEvent> = fc.oneof(
      fc.constantFrom<SessionEvent>(
        { kind: 'none' },
        { kind: 'refresh due' },
        { kind: 'expired' },
        agreed('local'),
        agreed('remote'),
      ),
      fc.constantFrom(408, 422, 481, 488, 491, 500).map((status) => refused(status, 200)),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state: SessionState = { kind: 'off', interval: 0 };
        let expiry = false;
        for (const each of events) {
          if (each.kind === 'expired' && !expiry) continue;
          const [next, effects] = sessionStep(state, each);
          state = next;
          for (const effect of effects) {
            if (effect.do === 'stop' || effect.do === 'expire') expiry = false;
            if (effect.do === 'start expiry') expiry = true;
          }
          assert.equal(expiry, state.kind !== 'off');
        }
      }),
    );
  });
});

describe('session timer negotiation (RFC 4028 §7, §9)', () => {
  const request = (...headers: [string, string][]) =>
    createRequest(
      'INVITE',
      'sip:b@10.0.0.2',
      headers.map(([name, value]) => ({ name, value })),
    );
  const policy = { minSe: 90, defaultRefresher: 'none' } as const;
  const answer = (asked: ReturnType<typeof request>, ...headers: [string, string][]) =>
    createResponse(
      asked,
      200,
      'OK',
      headers.map(([name, value]) => ({ name, value })),
    );

  it('our 2xx names the terms: they hold, at least Min-SE, the peer refreshes', () => {
    const asked = request(['Supported', 'timer']);
    const terms = termsOfAnswer(asked, answer(asked, ['Session-Expires', '30']), policy);
    assert.deepEqual(terms, { interval: 90, refresher: 'uac' });
  });
  it('the request names interval and refresher', () => {
    const asked = request(['Supported', 'timer'], ['Session-Expires', '1800;refresher=uas']);
    assert.deepEqual(termsOfAnswer(asked, answer(asked), policy), { interval: 1800, refresher: 'uas' });
  });
  it('no refresher in the request: by policy, none by default', () => {
    const asked = request(['Supported', 'timer'], ['x', '1800']);
    assert.equal(termsOfAnswer(asked, answer(asked), policy), undefined);
    const uas = { minSe: 90, defaultRefresher: 'uas' } as const;
    assert.deepEqual(termsOfAnswer(asked, answer(asked), uas), { interval: 1800, refresher: 'uas' });
  });
  it('a caller that does not know the timer cannot refresh', () => {
    const asked = request(['Session-Expires', '1800;refresher=uac']);
    assert.deepEqual(termsOfAnswer(asked, answer(asked), policy), { interval: 1800, refresher: 'uas' });
  });
  it('Require: timer goes with a refresher uac', () => {
    const asked = request(['Supported', 'timer']);
    const response = answer(asked, ['Require', '100rel']);
    writeTerms(asked, response, { interval: 100, refresher: 'uac' });
    assert.equal(response.headers.get('Require'), '100rel, timer');
    assert.equal(response.headers.get('Session-Expires'), '100;refresher=uac');
  });
  it('too short is below Min-SE from one who understands 422', () => {
    assert.ok(isTooShort(request(['Supported', 'timer'], ['Session-Expires', '60']), policy));
    assert.ok(!isTooShort(request(['Session-Expires', '60']), policy));
    assert.ok(!isTooShort(request(['Supported', 'timer'], ['Session-Expires', '90']), policy));
    assert.ok(!isTooShort(request(['Supported', 'timer'], ['Session-Expires', 'soon']), policy));
  });
  it('a 2xx to our request without refresher leaves it to us', () => {
    const asked = request();
    assert.equal(termsOfResponse(answer(asked)), undefined);
    const compact = termsOfResponse(answer(asked, ['x', '300;refresher=uas']));
    assert.deepEqual(compact, { interval: 300, refresher: 'uas' });
    assert.deepEqual(termsOfResponse(answer(asked, ['Session-Expires', '300'])), {
      interval: 300,
      refresher: 'uac',
    });
  });
});

describe('glare back-off (RFC 3261 §14.1)', () => {
  it('2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms', () => {
    const random = seededRandom(7);
    const seen = { owner: new Set<number>(), other: new Set<number>() };
    for (let i = 0; i < 20_000; i++) {
      seen.owner.add(glareDelay(true, random));
      seen.other.add(glareDelay(false, random));
    }
    assert.equal(Math.min(...seen.owner), 2_100);
    assert.equal(Math.max(...seen.owner), 4_000);
    assert.equal(Math.min(...seen.other), 0);
    assert.equal(Math.max(...seen.other), 2_000);
    assert.ok([...seen.owner, ...seen.other].every((ms) => ms % 10 === 0));
  });
});

describe('NAT detection', () => {
  const flow = (address: string, port: number, protocol: Flow['protocol'] = 'udp'): Flow => ({
    id: '',
    protocol,
    local: { address: '10.0.0.2', port: 5060 },
    remote: { address, port },
    reliable: protocol !== 'udp',
  });
  const peer = (target: string, at: Flow, direct: boolean, ...routeSet: string[]) => ({
    target,
    flow: at,
    direct,
    routeSet,
  });
  const at = flow('203.0.113.9', 61_000);

  it('a direct peer whose Contact is not where its packets come from, without Record-Route', () => {
    assert.ok(isBehindNat(peer('sip:a@192.168.1.7:5060', at, true), 'on'));
    assert.ok(isBehindNat(peer('sip:a@203.0.113.9:5060', at, true), 'on'), 'another port');
    assert.ok(!isBehindNat(peer('sip:a@203.0.113.9:61000', at, true), 'on'));
    assert.ok(!isBehindNat(peer('sip:a@192.168.1.7', at, true, '<sip:p@203.0.113.9;lr>'), 'on'));
    assert.ok(!isBehindNat(peer('sip:a@192.168.1.7', at, true), 'off'));
    assert.ok(!isBehindNat(peer('sip:a@192.168.1.7', flow('203.0.113.9', 61_000, 'tcp'), true), 'on'));
  });
  it('behind a proxy that does not record-route: only a private Contact of a public sender', () => {
    assert.ok(isBehindNat(peer('sip:b@192.168.1.7', at, false), 'on'));
    assert.ok(!isBehindNat(peer('sip:b@198.51.100.1', at, false), 'on'));
    assert.ok(!isBehindNat(peer('sip:b@10.0.0.7', flow('10.0.0.9', 5060), false), 'on'));
  });
  it('a private first route of a public sender', () => {
    assert.ok(isBehindNat(peer('sip:b@198.51.100.1', at, false, '<sip:10.1.1.1;lr>'), 'on'));
    assert.ok(!isBehindNat(peer('sip:b@198.51.100.1', at, false, '<sip:203.0.113.9;lr>'), 'on'));
  });
  it('nat=yes in the Contact counts when detection is aggressive', () => {
    assert.ok(isBehindNat(peer('sip:b@203.0.113.9:61000;nat=yes', at, false), 'aggressive'));
    assert.ok(!isBehindNat(peer('sip:b@203.0.113.9:61000;nat=yes', at, false), 'on'));
  });
  it('private addresses', () => {
    for (const host of ['10.1.2.3', '172.16.0.1', '172.31.9.9', '192.168.0.1', '100.64.0.1', 'fd00::1'])
      assert.ok(isPrivate(host), host);
    for (const host of ['11.0.0.1', '172.32.0.1', '192.169.0.1', '100.128.0.1', '2001:db8::1'])
      assert.ok(!isPrivate(host), host);
  });
});
