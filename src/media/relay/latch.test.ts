import assert from 'node:assert/strict';
import { Latch } from './latch.ts';

const phone = { address: '192.0.2.1', port: 4000 };

describe('media: latching (RFC 4961)', () => {
  it('nothing known -> any packet -> refused', () => {
    const latch = new Latch();
    assert.equal(latch.accepts('192.0.2.1', 4000, 0), false);
    assert.equal(latch.refused, 1);
  });

  it('advertised -> a packet from there -> latched; a stranger -> refused, at once and later', () => {
    const latch = new Latch();
    latch.advertise(phone);
    assert.equal(latch.accepts('192.0.2.1', 4000, 0), true);
    assert.equal(latch.accepts('203.0.113.9', 4000, 10), false);
    assert.equal(latch.accepts('192.0.2.1', 4002, 10_000), false);
    assert.deepEqual([latch.address, latch.port, latch.latched], ['192.0.2.1', 4000, true]);
  });

  it('advertised -> a packet from elsewhere (NAT) -> latched there; the better fit -> wins within three seconds', () => {
    const latch = new Latch();
    latch.advertise(phone);
    assert.equal(latch.accepts('203.0.113.9', 9, 0), true);
    assert.equal(latch.accepts('203.0.113.10', 9, 1), false);
    assert.equal(latch.accepts('192.0.2.1', 5000, 100), true);
    assert.equal(latch.accepts('203.0.113.9', 9, 101), false);
    assert.equal(latch.accepts('192.0.2.1', 4000, 200), true);
    assert.equal(latch.accepts('192.0.2.1', 5000, 201), false);
  });

  it('latched elsewhere -> the better fit after three seconds -> refused', () => {
    const latch = new Latch();
    latch.advertise(phone);
    latch.accepts('203.0.113.9', 9, 0);
    assert.equal(latch.accepts('192.0.2.1', 4000, 3001), false);
  });

  it('latched -> the same advertised again, or a hold -> still latched; another one -> learns anew', () => {
    const latch = new Latch();
    latch.advertise(phone);
    latch.accepts('203.0.113.9', 9, 0);
    latch.advertise({ ...phone });
    latch.advertise({ address: '0.0.0.0', port: 4000 });
    assert.equal(latch.accepts('203.0.113.9', 9, 5000), true);
    latch.advertise({ ...phone, port: 4100 });
    assert.deepEqual([latch.address, latch.port, latch.latched], ['192.0.2.1', 4100, false]);
    assert.equal(latch.accepts('192.0.2.1', 4100, 5001), true);
  });
});
