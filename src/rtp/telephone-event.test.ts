import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { digitEvent, eventDigit, TelephoneEventDetector, TelephoneEventGenerator } from './index.ts';

type Sent = { at: number; timestamp: number; marker: boolean; payload: Buffer };

function press(
  digit: string,
  start: number,
  options: Partial<{ duration: number; clockRate: number }> = {},
): Sent[] {
  const clockRate = options.clockRate ?? 8000;
  const generator = new TelephoneEventGenerator({
    event: digitEvent(digit),
    duration: options.duration ?? 160,
    volume: 10,
    clockRate,
    ptime: 20,
  });
  const sent: Sent[] = [];
  for (let at = start; !generator.done; at += 20) {
    const payload = Buffer.alloc(4);
    assert.ok(generator.next(payload));
    const timestamp = (start * (clockRate / 1000) + generator.timestampOffset) >>> 0;
    sent.push({ at, timestamp, marker: generator.marker, payload });
  }
  return sent;
}

function listen() {
  const log: string[] = [];
  const detector = new TelephoneEventDetector({
    started: (event, volume) => log.push(`start ${eventDigit(event)} ${volume}`),
    ended: (event, duration) => log.push(`end ${eventDigit(event)} ${duration}`),
  });
  const hear = (packets: readonly Sent[]) => {
    for (const p of packets) assert.ok(detector.receive(p.payload, 0, p.timestamp, p.at));
  };
  return { log, detector, hear };
}

describe('telephone events (RFC 4733)', () => {
  it('sends updates a ptime apart, then the end three times with one duration (§2.5.1)', () => {
    const sent = press('5', 0, { duration: 80 });
    assert.deepEqual(
      sent.map((p) => [p.marker, p.payload.toString('hex')]),
      [
        [true, '050a00a0'],
        [false, '050a0140'],
        [false, '050a01e0'],
        [false, '058a0280'],
        [false, '058a0280'],
        [false, '058a0280'],
      ],
    );
  });

  it('hears one digit per timestamp, at once and with its duration', () => {
    const { log, hear } = listen();
    const sent = press('#', 1000);
    hear(sent.slice(0, 1));
    assert.deepEqual(log, ['start # 10']);
    hear(sent.slice(1));
    assert.deepEqual(log, ['start # 10', 'end # 1280']);
  });

  it('hears the same digit twice when pressed twice', () => {
    const { log, hear } = listen();
    hear([...press('1', 0), ...press('1', 400)]);
    assert.deepEqual(log, ['start 1 10', 'end 1 1280', 'start 1 10', 'end 1 1280']);
  });

  it('needs no first packet, and no marker', () => {
    const { log, hear } = listen();
    hear(press('9', 0).slice(3));
    assert.deepEqual(log, ['start 9 10', 'end 9 1280']);
  });

  it('ends a digit whose end packets were all lost when the next one begins', () => {
    const { log, hear } = listen();
    hear(press('*', 0).filter((p) => (p.payload[1]! & 0x80) === 0));
    hear(press('9', 500));
    assert.deepEqual(log, ['start * 10', 'end * 1120', 'start 9 10', 'end 9 1280']);
  });

  it('ends a digit whose end packets were all lost when it falls silent', () => {
    const { log, detector, hear } = listen();
    hear(press('7', 0).slice(0, 2));
    detector.expire(60, 100);
    assert.deepEqual(log, ['start 7 10']);
    detector.expire(120, 100);
    detector.expire(900, 100);
    assert.deepEqual(log, ['start 7 10', 'end 7 320']);
  });

  it('takes every packet doubled, and the end before the last update', () => {
    const { log, hear } = listen();
    const sent = press('0', 0).flatMap((p) => [p, p]);
    hear([...sent.slice(0, -8), ...sent.slice(-6), ...sent.slice(-8, -6)]);
    assert.deepEqual(log, ['start 0 10', 'end 0 1280']);
  });

  it('takes packets of an earlier digit that come late for what they are', () => {
    const { log, hear } = listen();
    const one = press('1', 0);
    const two = press('2', 300);
    hear([...one, ...two.slice(0, 2), ...one.slice(-2), ...two.slice(2)]);
    assert.deepEqual(log, ['start 1 10', 'end 1 1280', 'start 2 10', 'end 2 1280']);
  });

  it('joins the segments of a key held for 20 s (§2.5.1.3)', () => {
    const { log, hear } = listen();
    const sent = press('3', 0, { duration: 20_000 });
    hear(sent);
    assert.equal(new Set(sent.map((p) => p.timestamp)).size, 3);
    assert.deepEqual(log, ['start 3 10', 'end 3 160000']);
  });

  it('counts in the clock of its payload type (48 kHz)', () => {
    const { log, hear } = listen();
    hear(press('D', 0, { clockRate: 48_000 }));
    assert.deepEqual(log, ['start D 10', 'end D 7680']);
  });

  it('hears a new stream whose timestamps lie behind the old', () => {
    const { log, detector, hear } = listen();
    hear(press('1', 100_000));
    detector.reset();
    hear(press('2', 0));
    hear(press('3', 9000).map((p) => ({ ...p, timestamp: p.timestamp - 60_000 })));
    assert.deepEqual(
      log.filter((l) => l.startsWith('end')),
      ['end 1 1280', 'end 2 1280', 'end 3 1280'],
    );
  });

  it('refuses a payload that is too short, and never throws', () => {
    const { detector } = listen();
    assert.equal(detector.receive(Buffer.alloc(15), 12, 0, 0), false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.nat(), fc.nat(0xffff_ffff), (bytes, now, timestamp) => {
        detector.receive(bytes, 0, timestamp, now);
        detector.expire(now, 100);
      }),
    );
  });

  it('names digits both ways', () => {
    assert.equal(digitEvent('a'), 12);
    assert.equal(digitEvent('x'), -1);
    assert.equal(digitEvent(''), -1);
    assert.equal(digitEvent('12'), -1);
    assert.equal(eventDigit(16), undefined);
  });
});
