import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { buildRtp, parseRtp, sequenceAhead, timestampAhead } from '../../rtp/index.ts';
import { Egress, newMapping, type Mapping } from './egress.ts';

const FRAME = 160;

/** A phone with numbers of its own, a packet every 20 ms. */
class Source {
  readonly mapping: Mapping = newMapping();
  readonly ssrc: number;
  sequence: number;
  timestamp: number;

  constructor(ssrc: number, sequence: number, timestamp: number) {
    this.ssrc = ssrc;
    this.sequence = sequence;
    this.timestamp = timestamp;
  }

  /** The next packet; `lost` before it never arrived. */
  packet(lost = 0): Buffer {
    this.sequence = (this.sequence + 1 + lost) & 0xffff;
    this.timestamp = (this.timestamp + FRAME * (1 + lost)) >>> 0;
    const { sequence, timestamp, ssrc } = this;
    return buildRtp({ marker: false, payloadType: 0, sequence, timestamp, ssrc }, Buffer.alloc(FRAME));
  }
}

const through = (egress: Egress, source: Source, now: number, lost = 0) => {
  const packet = source.packet(lost);
  egress.rewrite(packet, source.mapping, now);
  return parseRtp(packet)!;
};

describe('media: the one outgoing stream (RFC 3550 §5.1)', () => {
  it('passes the first source bit for bit, losses and reordering included', () => {
    const egress = new Egress(8000);
    const a = new Source(7, 65_530, 0xffff_ff00);
    for (let i = 0; i < 20; i++) {
      const packet = a.packet(i === 9 ? 3 : 0);
      const before = Buffer.from(packet);
      egress.rewrite(packet, a.mapping, i * 20);
      assert.deepEqual(packet, before);
    }
  });

  it('a hand-over does not depend on the numbers of the new source, and needs no more than a frame', () =>
    fc.assert(
      fc.property(
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        fc.nat(0xffff_ffff),
        fc.integer({ min: 0, max: 25 }),
        (sequence, timestamp, ssrc, phase) => {
          const egress = new Egress(8000);
          const a = new Source(1, 100, 1000);
          let now = 0;
          let last = through(egress, a, now);
          for (let i = 0; i < 5; i++) last = through(egress, a, (now += 20));
          const b = new Source(ssrc, sequence, timestamp);
          now += phase;
          const first = through(egress, b, now);
          assert.equal(first.ssrc, 1);
          assert.equal(first.marker, true);
          assert.equal(sequenceAhead(last.sequence, first.sequence), 1);
          assert.equal(timestampAhead(last.timestamp, first.timestamp), FRAME);
          const second = through(egress, b, now + 20);
          assert.deepEqual(
            [
              second.marker,
              sequenceAhead(first.sequence, second.sequence),
              timestampAhead(first.timestamp, second.timestamp),
            ],
            [false, 1, FRAME],
          );
        },
      ),
    ));

  it('timestamps keep to real time over any number of hand-overs', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 200 }), (pauses) => {
        const egress = new Egress(8000);
        let now = 0;
        const start = through(egress, new Source(0, 0, 0), now).timestamp;
        let previous = start;
        for (const [i, pause] of pauses.entries()) {
          now += pause;
          const packet = through(egress, new Source(i + 1, i * 977, i * 123_456_789), now);
          assert.ok(timestampAhead(previous, packet.timestamp) > 0);
          previous = packet.timestamp;
        }
        // Packets that follow each other faster than frames last cannot but run ahead; others stay within a frame.
        if (pauses.every((pause) => pause >= 20))
          assert.ok(
            Math.abs(timestampAhead(start, previous) / 8 - now) <= 20,
            `${timestampAhead(start, previous) / 8} ${now}`,
          );
      }),
    ));

  it('a source that restarts with the same SSRC, or leaves a long pause, breaks nothing', () => {
    const egress = new Egress(8000);
    const a = new Source(1, 100, 1000);
    let last = through(egress, a, 0);
    a.sequence = 40_000;
    a.timestamp = 5;
    const next = through(egress, a, 20);
    assert.deepEqual(
      [sequenceAhead(last.sequence, next.sequence), timestampAhead(last.timestamp, next.timestamp)],
      [1, FRAME],
    );
    last = next;
    const b = new Source(2, 9, 9);
    const late = through(egress, b, 2020);
    assert.equal(sequenceAhead(last.sequence, late.sequence), 1);
    assert.equal(timestampAhead(last.timestamp, late.timestamp), 16_000);
  });

  it('packets that are left out leave no hole; a late packet of the current source keeps its place', () => {
    const egress = new Egress(8000);
    const a = new Source(1, 100, 1000);
    const first = through(egress, a, 0);
    a.packet();
    a.mapping.sequence = (a.mapping.sequence - 1) & 0xffff;
    const next = through(egress, a, 40);
    assert.deepEqual(
      [sequenceAhead(first.sequence, next.sequence), timestampAhead(first.timestamp, next.timestamp)],
      [1, 320],
    );
    const late = a.packet();
    const newer = through(egress, a, 80);
    egress.rewrite(late, a.mapping, 81);
    assert.equal(sequenceAhead(parseRtp(late)!.sequence, newer.sequence), 1);
    assert.equal(egress.sequence, newer.sequence);
  });
});
