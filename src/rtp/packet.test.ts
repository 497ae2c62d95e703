import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import * as rtp from './index.ts';

const header = {
  marker: true,
  payloadType: 101,
  sequence: 65_535,
  timestamp: 0xffff_fff0,
  ssrc: 0xdead_beef,
};

const fromHex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('RTP packet (RFC 3550 §5.1)', () => {
  it('prints what it parses', () => {
    const packet = rtp.buildRtp(header, Buffer.from('abcd'));
    assert.equal(packet.toString('hex'), '80e5fffffffffff0deadbeef61626364');
    const parsed = rtp.parseRtp(packet);
    assert.deepEqual(
      { ...parsed, payload: Buffer.from(parsed!.payload).toString() },
      {
        ...header,
        csrc: [],
        extension: undefined,
        payload: 'abcd',
      },
    );
  });

  it('rewrites in place without touching neighbours', () => {
    const packet = rtp.buildRtp(header, Buffer.from('abcd'));
    rtp.setRtpMarker(packet, false);
    rtp.setRtpPayloadType(packet, 0);
    rtp.setRtpSequence(packet, 65_536 + 7);
    rtp.setRtpTimestamp(packet, 2 ** 32 + 160);
    rtp.setRtpSsrc(packet, 0x8000_0001);
    assert.equal(packet.toString('hex'), '80000007000000a08000000161626364');
    assert.equal(rtp.rtpSsrc(packet), 0x8000_0001);
    rtp.setRtpMarker(packet, true);
    assert.equal(rtp.rtpPayloadType(packet), 0);
    assert.ok(rtp.rtpMarker(packet));
  });

  it('skips CSRC list, extension and padding', () => {
    const packet = Buffer.from(
      'b2000001' +
        '000000a0' +
        '00000001' +
        '00000002' +
        '00000003' +
        'bede0001' +
        '10aa0000' +
        '6162' +
        '0002',
      'hex',
    );
    assert.equal(rtp.rtpHeaderLength(packet), 28);
    assert.equal(rtp.rtpPayloadEnd(packet), 30);
    const parsed = rtp.parseRtp(packet)!;
    assert.deepEqual(parsed.csrc, [2, 3]);
    assert.equal(parsed.extension?.profile, 0xbede);
    assert.equal(Buffer.from(parsed.payload).toString(), 'ab');
  });

  for (const [why, hex] of [
    ['shorter than a header', '8000000100000002000000'],
    ['version 1', '400000010000000200000003'],
    ['RTCP type', '80c800010000000200000003'],
    ['CSRC list that is not there', '810000010000000200000003'],
    ['extension header that is not there', '900000010000000200000003'],
    ['extension longer than the packet', '900000010000000200000003bede0002 00000000'],
    ['padding longer than the payload', 'a00000010000000200000003 0003'],
    ['padding of nothing', 'a00000010000000200000003 0000'],
  ] as const) {
    it(`refuses: ${why} (RFC 3550 A.1)`, () => {
      assert.equal(rtp.rtpHeaderLength(fromHex(hex)), -1);
      assert.equal(rtp.parseRtp(fromHex(hex)), undefined);
    });
  }

  it('tells RTP, RTCP, STUN and DTLS apart (RFC 7983 §7)', () => {
    const kind = (hex: string) => rtp.packetKind(fromHex(hex));
    assert.equal(kind('80000001'), 'rtp');
    assert.equal(kind('80c80001'), 'rtcp');
    assert.equal(kind('00010000'), 'stun');
    assert.equal(kind('16fefd00'), 'dtls');
    assert.equal(kind('40000001'), 'unknown');
    assert.equal(kind('80'), 'unknown');
  });

  it('measures distances over the wrap', () => {
    assert.equal(rtp.sequenceAhead(65_535, 2), 3);
    assert.equal(rtp.sequenceAhead(2, 65_535), -3);
    assert.equal(rtp.timestampAhead(0xffff_ffff, 159), 160);
    assert.equal(rtp.timestampAhead(159, 0xffff_ffff), -160);
  });

  it('never throws, and never points outside the packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, likely) => {
        if (likely && bytes.length > 0) bytes[0] = 0x80 | (bytes[0]! & 0x3f);
        rtp.packetKind(bytes);
        const length = rtp.rtpHeaderLength(bytes);
        if (length < 0) return assert.equal(rtp.parseRtp(bytes), undefined);
        const parsed = rtp.parseRtp(bytes)!;
        const end = rtp.rtpPayloadEnd(bytes);
        assert.ok(length >= 12 && length <= end && end <= bytes.length);
        assert.equal(parsed.payload.length, end - length);
      }),
      { numRuns: 3000 },
    );
  });
});
