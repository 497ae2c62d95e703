import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ntpMiddle, ntpTime, parseRtcp, printRtcp, roundTrip, type RtcpPacket } from './index.ts';

const block = {
  ssrc: 0xdead_beef,
  fractionLost: 12,
  cumulativeLost: -3,
  highestSequence: 0x1_0007,
  jitter: 40,
  lastSr: 0xb710_8000,
  delaySinceLastSr: 0x5_4000,
};
const sender = {
  ntpSeconds: 0xb44d_b705,
  ntpFraction: 0x2000_0000,
  rtpTimestamp: 160,
  packets: 9,
  octets: 1440,
};

const fromHex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('RTCP (RFC 3550 §6)', () => {
  const packets: RtcpPacket[] = [
    { type: 'sr', ssrc: 1, sender, reports: [block] },
    { type: 'rr', ssrc: 2, reports: [block, { ...block, cumulativeLost: 0x7f_ffff }] },
    {
      type: 'sdes',
      chunks: [
        { ssrc: 1, cname: 'switch@pbx.test' },
        { ssrc: 2, cname: '' },
        { ssrc: 3, cname: 'ab' },
      ],
    },
    { type: 'bye', ssrcs: [1, 2], reason: 'flipped' },
    { type: 'bye', ssrcs: [1], reason: '' },
  ];

  for (const packet of packets)
    it(`prints what it parses: ${packet.type}`, () => {
      const bytes = printRtcp([packet]);
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(parseRtcp(bytes), [packet]);
    });

  it('reads a compound packet', () => assert.deepEqual(parseRtcp(printRtcp(packets)), packets));

  it('reads a sender report octet by octet as in §6.4.1', () => {
    const bytes = fromHex('80c80006 00000001 b44db70520000000 000000a0 00000009 000005a0');
    assert.deepEqual(parseRtcp(bytes), [{ type: 'sr', ssrc: 1, sender, reports: [] }]);
    assert.deepEqual(printRtcp([{ type: 'sr', ssrc: 1, sender, reports: [] }]), bytes);
  });

  it('passes over extended reports and feedback (RFC 3611, RFC 4585)', () => {
    const xr = fromHex('80cf0003 00000001 07000001 ffffffff');
    const feedback = fromHex('81ce0002 00000001 00000002');
    assert.deepEqual(parseRtcp(Buffer.concat([xr, feedback])), [
      { type: 'other', packetType: 207 },
      { type: 'other', packetType: 206 },
    ]);
  });

  it('drops the padding of the last packet', () => {
    const bytes = fromHex('a1cb0002 00000001 00000004');
    assert.deepEqual(parseRtcp(bytes), [{ type: 'bye', ssrcs: [1], reason: '' }]);
  });

  for (const [why, hex] of [
    ['nothing', ''],
    ['another version', '40c90001 00000001'],
    ['a length beyond the end', '80c90002 00000001'],
    ['reports that are not there', '81c90001 00000001'],
    ['a sender report without sender', '80c80001 00000001'],
    ['a name beyond the end', '81ca0002 00000001 01ff6162'],
    ['a reason beyond the end', '81cb0002 00000001 09616263'],
    ['padding beyond the packet', 'a0c90001 000000ff'],
  ] as const)
    it(`refuses ${why} (RFC 3550 A.2)`, () => assert.equal(parseRtcp(fromHex(hex)), undefined));

  it('computes the round trip of the example in §6.4.1', () => {
    // 10 Nov 1995 11:33:36.5 UTC, LSR B705:2000, DLSR 5.25 s, read at B710:8000: 6.125 s
    const wall = (0xb44d_b710 - 2_208_988_800) * 1000 + 500;
    const now = ntpTime(wall);
    assert.equal(ntpMiddle(now.seconds, now.fraction), 0xb710_8000);
    assert.equal(roundTrip({ ...block, lastSr: 0xb705_2000, delaySinceLastSr: 0x5_4000 }, wall), 6125);
  });

  it('has no round trip without a sender report, or with a clock that ran backwards', () => {
    assert.equal(roundTrip({ ...block, lastSr: 0 }, 0), undefined);
    const now = ntpTime(1e12);
    const lastSr = ntpMiddle(now.seconds, now.fraction);
    assert.equal(roundTrip({ ...block, lastSr, delaySinceLastSr: 65_536 }, 1e12), undefined);
    assert.equal(roundTrip({ ...block, lastSr, delaySinceLastSr: 30 }, 1e12), 0);
  });

  it('never throws', () => {
    const headers = fc.constantFrom(200, 201, 202, 203, 204, 205, 206, 207);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), headers, fc.boolean(), (bytes, type, fit) => {
        if (bytes.length >= 4) {
          bytes[0] = 0x80 | (bytes[0]! & 0x3f);
          bytes[1] = type;
          if (fit) {
            bytes[2] = 0;
            bytes[3] = Math.floor(bytes.length / 4) - 1;
            bytes = bytes.subarray(0, (bytes[3] + 1) * 4);
          }
        }
        const parsed = parseRtcp(bytes);
        if (parsed) printRtcp(parsed);
      }),
      { numRuns: 5000 },
    );
  });
});
