import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { noKeys, stepKeys, type KeyEffect, type KeyEvent, type Keys } from './keys.ts';

const codes = ['*9'];
const key = (digit: string): KeyEvent => ({ kind: 'key', key: { digit, durationMs: 100 } });
const timeout: KeyEvent = { kind: 'timeout' };
const over: KeyEvent = { kind: 'push-over' };

function run(events: readonly KeyEvent[], own = codes): { keys: Keys; effects: KeyEffect[] } {
  const effects: KeyEffect[] = [];
  let keys = noKeys;
  for (const event of events) {
    const [next, more] = stepKeys(keys, event, own);
    keys = next;
    effects.push(...more);
  }
  return { keys, effects };
}

const press = (text: string): KeyEvent[] => text.split('').map(key);
const forwarded = (effects: readonly KeyEffect[]): string =>
  effects.flatMap((e) => (e.do === 'forward' ? e.keys.map((k) => k.digit) : [])).join('');
const kinds = (effects: readonly KeyEffect[]) => effects.map((e) => e.do);

describe('keys during a call (X13)', () => {
  it('talking -> digit -> talking (forward at once)', () => {
    assert.deepEqual(run(press('5')).effects, [
      { do: 'stop-waiting' },
      { do: 'forward', keys: [{ digit: '5', durationMs: 100 }] },
    ]);
  });

  it('talking -> * -> holding (wait); nothing goes to the far end', () => {
    const { keys, effects } = run(press('*'));
    assert.equal(keys.phase, 'holding');
    assert.deepEqual(effects, [{ do: 'wait', for: 'star' }]);
  });

  it('a * meant for the far end arrives after the pause, or with the next digit, in order', () => {
    assert.equal(forwarded(run([...press('*'), timeout]).effects), '*');
    assert.equal(forwarded(run(press('*5')).effects), '*5');
    assert.equal(forwarded(run([...press('**'), timeout]).effects), '**');
    assert.equal(forwarded(run(press('12*3#')).effects), '12*3#');
  });

  it('S0-22 S0-24 S0-25 S0-57 *9 1005 # pushes to 1005; no digit of it is forwarded', () => {
    const { keys, effects } = run(press('*91005#'));
    assert.equal(keys.phase, 'pushing');
    assert.equal(forwarded(effects), '');
    assert.equal(kinds(effects).filter((k) => k === 'beep').length, 1);
    assert.deepEqual(effects.at(-1), { do: 'push', extension: '1005' });
  });

  it('**9 forwards the first * and starts a push with the second', () => {
    const { keys, effects } = run(press('**9'));
    assert.equal(keys.phase, 'dialling');
    assert.equal(forwarded(effects), '*');
  });

  it('*9# rings the other devices', () => {
    assert.deepEqual(run(press('*9#')).effects.at(-1), { do: 'push', extension: '' });
  });

  it('S0-29 S0-58 * cancels while dialling and while the target rings (X3)', () => {
    assert.deepEqual(run([...press('*910*'), timeout]).keys, noKeys);
    assert.deepEqual(kinds(run([...press('*9100#*')]).effects).slice(-2), ['cancel', 'wait']);
    assert.deepEqual(run([...press('*9100#*'), over, timeout]).keys, noKeys);
  });

  it('S0-29 the * that cancels goes nowhere; what is pressed after it does', () => {
    for (const begun of ['*910', '*9100#']) {
      assert.equal(forwarded(run([...press(`${begun}*`), timeout, ...press('1')]).effects), '1');
      assert.equal(forwarded(run([...press(`${begun}*`), ...press('12')]).effects), '12');
      assert.equal(forwarded(run([...press(`${begun}**`), timeout]).effects), '*');
    }
    assert.equal(forwarded(run(press('*90*5'), ['*9', '#9']).effects), '5');
    assert.equal(forwarded(run(press('#90*5'), ['#9']).effects), '5');
  });

  it('*9 twice: the first is cancelled, the second begins anew, and neither reaches the far end', () => {
    for (const text of ['*9*91005#', '*91002#*91005#', '*9100*91005#']) {
      const { effects } = run(press(text));
      assert.equal(forwarded(effects), '', text);
      assert.deepEqual(effects.at(-1), { do: 'push', extension: '1005' });
    }
  });

  it('more digits than an extension has: no push to a part of them, and no digit of it is forwarded', () => {
    const { effects } = run(press(`*9${'1'.repeat(40)}#`));
    assert.equal(forwarded(effects), '');
    const last = effects.at(-1);
    assert.ok(last?.do === 'push' && last.extension.length > 20);
  });

  it('dialling -> timeout -> talking (error tone)', () => {
    assert.deepEqual(kinds(run([...press('*91'), timeout]).effects).at(-1), 'error-tone');
  });

  it('S0-65 a second push works after the first is over; digits reach the far end meanwhile', () => {
    const { effects } = run([...press('*9100#5'), over, ...press('*9101#')]);
    assert.equal(forwarded(effects), '5');
    assert.deepEqual(
      effects.filter((e) => e.do === 'push').map((e) => e.do === 'push' && e.extension),
      ['100', '101'],
    );
  });

  it('codes can be longer, have aliases, or be off', () => {
    assert.equal(run(press('*#1'), ['*#1', '*9']).keys.phase, 'dialling');
    assert.equal(forwarded(run(press('*9'), []).effects), '*9');
    const tricky = run(press('*#*#*1'), ['*#*1']);
    assert.deepEqual([tricky.keys.phase, forwarded(tricky.effects)], ['dialling', '*#']);
  });

  it('whatever is pressed outside a push arrives, in order', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789#*'.split('')) }), (text) => {
        fc.pre(!text.includes('*9'));
        assert.equal(forwarded(run([...press(text), timeout]).effects), text);
      }),
    );
  });
});
