import assert from 'node:assert/strict';
import { estimateMos, mosOfRating, ReceptionStatistics } from './index.ts';

/** Receives packets of 20 ms of an 8 kHz stream; `order` holds how many 20 ms steps from the first each one is. */
function receive(order: readonly number[], first = 0, at: (index: number) => number = (i) => i * 20) {
  const statistics = new ReceptionStatistics(8000);
  for (const [i, step] of order.entries())
    statistics.receive((first + step) & 0xffff, ((first + step) * 160) >>> 0, at(i));
  return statistics;
}
const steps = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('reception statistics', () => {
  it('counts a clean stream over the wrap of sequence numbers (RFC 3550 A.1)', () => {
    const statistics = receive(steps(100), 65_500);
    assert.equal(statistics.received, 100);
    assert.equal(statistics.expected, 100);
    assert.equal(statistics.lost, 0);
    assert.equal(statistics.extendedHighest, 65_536 + 63);
    assert.ok(statistics.jitter < 1e-6);
  });

  it('counts loss, and its fraction since the last report (A.3)', () => {
    const statistics = receive(steps(100).filter((n) => n % 10 !== 5));
    assert.equal(statistics.lost, 10);
    assert.equal(statistics.report(0, 0).fractionLost, 25);
    assert.equal(statistics.report(0, 0).fractionLost, 0);
    assert.equal(statistics.report(7, 9).cumulativeLost, 10);
    assert.equal(statistics.report(7, 9).lastSr, 7);
  });

  it('tells late from doubled packets', () => {
    const statistics = receive([0, 2, 1, 3, 3, 4]);
    assert.equal(statistics.late, 1);
    assert.equal(statistics.duplicates, 1);
    assert.equal(statistics.lost, -1);
    assert.equal(statistics.report(0, 0).cumulativeLost, -1);
    assert.equal(statistics.report(0, 0).fractionLost, 0);
  });

  it('takes one odd sequence number as a stray, two in order as a restart', () => {
    const statistics = receive(steps(10));
    assert.equal(statistics.receive(30_000, 0, 200), 'stray');
    assert.equal(statistics.received, 10);
    assert.equal(statistics.receive(30_001, 160, 220), 'restarted');
    assert.equal(statistics.receive(30_002, 320, 240), 'in-order');
    assert.equal(statistics.expected, 2);
    assert.equal(statistics.lost, 0);
  });

  it('measures jitter as A.8 does', () => {
    // Every other packet 10 ms late: |D| = 80 units each time, so J approaches 80.
    const statistics = receive(steps(400), 0, (i) => i * 20 + (i % 2) * 10);
    assert.ok(Math.abs(statistics.jitter - 80) < 0.01, String(statistics.jitter));
    assert.ok(Math.abs(statistics.jitterMs - 10) < 0.01);
    assert.equal(statistics.report(0, 0).jitter, 79);
  });

  it('does not take the wrap of the timestamp for jitter', () => {
    const statistics = new ReceptionStatistics(8000);
    for (const i of steps(50)) statistics.receive(i, (0xffff_f000 + i * 160) >>> 0, i * 20);
    assert.ok(statistics.jitter < 1e-3, String(statistics.jitter));
  });

  it('begins anew for another SSRC', () => {
    const statistics = receive([0, 5]);
    statistics.reset(77);
    statistics.receive(9, 0, 0);
    assert.deepEqual(
      [statistics.ssrc, statistics.expected, statistics.lost, statistics.report(0, 0).ssrc],
      [77, 1, 0, 77],
    );
  });
});

describe('MOS estimate (ITU-T G.107)', () => {
  it('maps R as Annex B', () => {
    assert.equal(mosOfRating(-1), 1);
    assert.equal(mosOfRating(100), 4.5);
    assert.ok(Math.abs(mosOfRating(93.2) - 4.41) < 0.01);
    assert.ok(Math.abs(mosOfRating(50) - 2.58) < 0.01);
  });

  it('falls with loss, delay and jitter', () => {
    const good = { lossPercent: 0, jitterMs: 1, roundTripMs: 20, codec: 'pcmu' };
    const mos = estimateMos(good);
    assert.ok(mos > 4.3 && mos < 4.42, String(mos));
    assert.ok(estimateMos({ ...good, lossPercent: 5 }) < mos - 0.5);
    assert.ok(estimateMos({ ...good, roundTripMs: 800 }) < mos - 1);
    assert.ok(estimateMos({ ...good, jitterMs: 150 }) < mos - 0.5);
    assert.ok(estimateMos({ ...good, codec: 'G729' }) < mos);
    assert.equal(estimateMos({ ...good, lossPercent: 100, roundTripMs: 1e6 }), 1);
  });
});
