import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  buildRtp,
  isSrtpSuite,
  parseCrypto,
  parseRtp,
  printCrypto,
  printRtcp,
  SRTP_FAILED,
  SRTP_OVERHEAD,
  SRTP_REPLAYED,
  SRTP_SUITES,
  SrtpReceiver,
  SrtpSender,
  type SrtpMaster,
  type SrtpSuite,
} from './index.ts';
import { deriveSrtpKeys } from './srtp-suite.ts';
import { srtpTransform } from './srtp-transform.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const room = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(SRTP_OVERHEAD + 8)]);
const suites = Object.keys(SRTP_SUITES).filter(isSrtpSuite);

const reference: SrtpMaster = {
  suite: 'AES_CM_128_HMAC_SHA1_80',
  key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'),
  salt: hex('0EC675AD498AFEEBB6960B3AABE6'),
};
const masterOf = (suite: SrtpSuite, mki?: Uint8Array): SrtpMaster => ({
  suite,
  key: Buffer.alloc(SRTP_SUITES[suite].keyLength, 0x5a),
  salt: Buffer.alloc(SRTP_SUITES[suite].saltLength, 0xc3),
  ...(mki && { mki }),
});
const packet = (sequence: number, ssrc = 77, payload = `packet ${sequence}`) =>
  buildRtp(
    { marker: false, payloadType: 0, sequence, timestamp: sequence * 160, ssrc },
    Buffer.from(payload),
  );

function pair(master: SrtpMaster) {
  const sender = new SrtpSender(master);
  const receiver = new SrtpReceiver(master);
  const send = (plain: Buffer) => {
    const buffer = room(plain);
    return buffer.subarray(0, sender.protectRtp(buffer, plain.length));
  };
  const receive = (protectedPacket: Buffer) => {
    const copy = Buffer.from(protectedPacket);
    const length = receiver.unprotectRtp(copy, copy.length);
    return length < 0 ? length : copy.subarray(0, length);
  };
  return { sender, receiver, send, receive };
}

describe('SRTP vectors', () => {
  it('derives the keys of RFC 3711 appendix B.3', () => {
    const keys = deriveSrtpKeys(reference, 'rtp');
    assert.deepEqual(keys.cipher, hex('C61E7A93744F39EE10734AFE3FF7A087'));
    assert.deepEqual(keys.salt, hex('30CBBC08863D8C85D49DB34A9AE1'));
    assert.deepEqual(keys.auth, hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
  });

  it('makes the keystream of RFC 3711 appendix B.2', () => {
    const cipher = hex('2B7E151628AED2A6ABF7158809CF4F3C');
    const salt = hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD');
    const keys = { cipher, salt, auth: Buffer.alloc(20) };
    const transform = srtpTransform('AES_CM_128_HMAC_SHA1_80', keys, 'rtp');
    // Long enough for block FF01, which B.2 lists, and for the seam between two runs of the cipher.
    const stream = Buffer.alloc(0xff02 * 16 + 10);
    const end = stream.length - 10;
    transform.seal(stream, { start: 0, end }, { ssrc: 0, upper: 0, lower: 0, rtcp: false }, Buffer.alloc(4));
    assert.deepEqual(
      stream.subarray(0, 48),
      hex(
        'E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0',
      ),
    );
    assert.deepEqual(
      stream.subarray(0xfeff * 16, 0xff02 * 16),
      hex(
        'EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44',
      ),
    );
  });

  for (const [suite, key, expected] of [
    [
      'AEAD_AES_128_GCM',
      '000102030405060708090a0b0c0d0e0f',
      `f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
       899d7f27 beb16a91 52cf765e e4390cce`,
    ],
    [
      'AEAD_AES_256_GCM',
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      `32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
       7aa3db36 dfffd6b0 f9bb7878 d7a76c13`,
    ],
  ] as const)
    it(`seals as RFC 7714 §16.1: ${suite}`, () => {
      const keys = { cipher: hex(key), salt: hex('51756964 2070726f 2071756f'), auth: Buffer.alloc(0) };
      const plain = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973
        20646976 69736120 696e2070 61727465 73207472 6573`);
      const buffer = Buffer.concat([plain, Buffer.alloc(16)]);
      const extent = { start: 12, end: plain.length };
      const nonce = { ssrc: 0x5501_a0b2, upper: 0, lower: 0xf17b, rtcp: false };
      srtpTransform(suite, keys, 'rtp').seal(buffer, extent, nonce, Buffer.alloc(4));
      assert.equal(buffer.subarray(12).toString('hex'), hex(expected).toString('hex'));
      assert.ok(srtpTransform(suite, keys, 'rtp').open(buffer, extent, nonce, Buffer.alloc(4)));
      assert.deepEqual(buffer.subarray(0, plain.length), plain);
    });

  const plainRtp = hex('800f1234decafbadcafebabe abababababababababababababababab');
  const plainRtcp = hex('81c8000bcafebabe abababababababababababababababab');
  for (const [master, rtp, rtcp, rtcpIndex] of [
    [
      reference,
      '800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb',
      '81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798',
      1,
    ],
    [
      {
        suite: 'AEAD_AES_128_GCM',
        key: hex('000102030405060708090a0b0c0d0e0f'),
        salt: hex('a0a1a2a3a4a5a6a7a8a9aaab'),
      },
      '800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392',
      '81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001',
      1,
    ],
  ] as const)
    it(`protects the packets that other implementations test with: ${master.suite}`, () => {
      const sender = new SrtpSender(master, [], rtcpIndex);
      const buffer = room(plainRtp);
      assert.equal(
        buffer.subarray(0, sender.protectRtp(buffer, plainRtp.length)).toString('hex'),
        hex(rtp).toString('hex'),
      );
      const control = room(plainRtcp);
      assert.equal(
        control.subarray(0, sender.protectRtcp(control, plainRtcp.length)).toString('hex'),
        hex(rtcp).toString('hex'),
      );
      const receiver = new SrtpReceiver(master);
      assert.equal(receiver.unprotectRtp(buffer, hex(rtp).length), plainRtp.length);
      assert.deepEqual(buffer.subarray(0, plainRtp.length), plainRtp);
      assert.equal(receiver.unprotectRtcp(control, hex(rtcp).length), plainRtcp.length);
      assert.deepEqual(control.subarray(0, plainRtcp.length), plainRtcp);
    });
});

for (const suite of suites)
  for (const mki of [undefined, Buffer.from([0, 7])])
    describe(`SRTP ${suite}${mki ? ' with MKI' : ''} (RFC 3711, RFC 7714)`, () => {
      const { rtpTag, rtcpTag } = SRTP_SUITES[suite];
      const master = masterOf(suite, mki);

      it('carries packets, hides the payload and leaves the header', () => {
        const { send, receive } = pair(master);
        for (let n = 0; n < 50; n += 1) {
          const plain = packet(65_520 + n);
          const sent = send(plain);
          assert.equal(sent.length, plain.length + rtpTag + (mki?.length ?? 0));
          assert.deepEqual(sent.subarray(0, 12), plain.subarray(0, 12));
          assert.notDeepEqual(sent.subarray(12, plain.length), plain.subarray(12));
          assert.deepEqual(receive(sent), plain);
        }
      });

      it('carries packets of any length, extension and padding included', () => {
        const { send, receive } = pair(master);
        for (let length = 0; length < 70; length += 1) {
          const plain = packet(length, 5, 'x'.repeat(length));
          assert.deepEqual(receive(send(plain)), plain);
        }
        const odd = hex('b1000100000000a000000001 00000002 bede0001 10aa0000 6162 0002');
        assert.ok(parseRtp(odd));
        assert.deepEqual(receive(send(odd)), odd);
        const long = packet(300, 5, 'y'.repeat(5000));
        assert.deepEqual(receive(send(long)), long);
      });

      it('refuses what was changed on the way, and leaves it as it came', () => {
        const { send, receiver } = pair(master);
        const sent = send(packet(1));
        for (let at = 0; at < sent.length; at += 1) {
          const forged = Buffer.from(sent);
          forged[at]! ^= 0x04;
          const before = Buffer.from(forged);
          assert.ok(receiver.unprotectRtp(forged, forged.length) < 0, `octet ${at}`);
          assert.deepEqual(forged, before);
        }
        assert.ok(receiver.unprotectRtp(sent, sent.length) > 0, 'the genuine one is still taken');
      });

      it('refuses what it had before (§3.3.2)', () => {
        const { send, receive } = pair(master);
        const sent = Array.from({ length: 300 }, (_, n) => send(packet(n)));
        for (const n of [0, 1, 5, 3, 2, 150]) assert.ok(typeof receive(sent[n]!) !== 'number', `packet ${n}`);
        for (const n of [5, 1, 150]) assert.equal(receive(sent[n]!), SRTP_REPLAYED);
        assert.equal(receive(sent[20]!), SRTP_REPLAYED, 'older than the window');
        assert.ok(typeof receive(sent[149]!) !== 'number');
      });

      it('carries RTCP, and refuses it changed or again', () => {
        const { sender, receiver } = pair(master);
        const plain = printRtcp([
          { type: 'rr', ssrc: 9, reports: [] },
          { type: 'sdes', chunks: [{ ssrc: 9, cname: 'a' }] },
        ]);
        for (let n = 0; n < 3; n += 1) {
          const buffer = room(plain);
          const length = sender.protectRtcp(buffer, plain.length);
          assert.equal(length, plain.length + 4 + rtcpTag + (mki?.length ?? 0));
          const sent = buffer.subarray(0, length);
          for (let at = 0; at < length; at += 3) {
            const forged = Buffer.from(sent);
            forged[at]! ^= 0x10;
            assert.ok(receiver.unprotectRtcp(forged, length) < 0, `octet ${at}`);
          }
          const copy = Buffer.from(sent);
          assert.deepEqual(copy.subarray(0, receiver.unprotectRtcp(copy, length)), plain);
          assert.equal(receiver.unprotectRtcp(Buffer.from(sent), length), SRTP_REPLAYED);
        }
      });

      it('never throws, and takes nothing that is not its own', () => {
        const receiver = new SrtpReceiver(master);
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, likely) => {
            const buffer = Buffer.from(bytes);
            if (likely && buffer.length > 0) buffer[0] = 0x80;
            assert.equal(receiver.unprotectRtp(buffer, buffer.length), SRTP_FAILED);
            assert.equal(receiver.unprotectRtcp(buffer, buffer.length), SRTP_FAILED);
          }),
          { numRuns: 300 },
        );
      });
    });

describe('SRTP rollover counter (RFC 3711 §3.3.1)', () => {
  const master = masterOf('AES_CM_128_HMAC_SHA1_80');

  it('counts three turns of the sequence number, with losses and with late packets over the turn', () => {
    const { send, receive, receiver } = pair(master);
    for (let turn = 0; turn < 3; turn += 1) {
      for (let n = 0; n < 65_536; n += 1) {
        const edge = n < 20 || n > 65_510;
        if (!edge && n % 500 !== 0) continue;
        const sent = send(packet(n));
        if (n % 7 !== 3) assert.ok(typeof receive(sent) !== 'number', `turn ${turn}, packet ${n}`);
      }
    }
    assert.deepEqual(receiver.describe(), [{ ssrc: 77, rollover: 2, sequence: 65_535 }]);
  });

  it('takes a packet from before the turn that comes after it', () => {
    const { send, receive } = pair(master);
    const sent = [65_533, 65_534, 65_535, 0, 1].map((n) => send(packet(n)));
    for (const i of [0, 3, 2, 4, 1]) assert.ok(typeof receive(sent[i]!) !== 'number', `packet ${i}`);
  });

  it('goes on after a restart with what it described', () => {
    const { sender, receiver, send, receive } = pair(master);
    for (const n of [65_534, 65_535, 0, 1]) receive(send(packet(n)));
    const again = new SrtpSender(master, sender.describe().streams, sender.describe().rtcpIndex);
    const listener = new SrtpReceiver(master, receiver.describe());
    const buffer = room(packet(2));
    const length = again.protectRtp(buffer, packet(2).length);
    assert.equal(listener.unprotectRtp(Buffer.from(buffer), length), packet(2).length);
    assert.equal(new SrtpReceiver(master).unprotectRtp(Buffer.from(buffer), length), SRTP_FAILED);
  });

  it('keeps SSRCs apart, and no more than 32 of them', () => {
    const { send, receive, receiver } = pair(master);
    for (let ssrc = 0; ssrc < 100; ssrc += 1) assert.ok(typeof receive(send(packet(9, ssrc))) !== 'number');
    assert.equal(receiver.describe().length, 32);
  });
});

describe('a=crypto (RFC 4568)', () => {
  const line = '1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32';

  it('reads the example of §4, and prints it again', () => {
    const crypto = parseCrypto(line)!;
    assert.deepEqual([crypto.tag, crypto.suite, crypto.lifetime], [1, 'AES_CM_128_HMAC_SHA1_80', '2^20']);
    assert.deepEqual(
      [crypto.key.length, crypto.salt.length, crypto.mki?.length, crypto.mki?.at(-1)],
      [16, 14, 32, 1],
    );
    assert.equal(printCrypto(crypto), line);
  });

  for (const suite of suites)
    it(`reads what it prints: ${suite}`, () => {
      const crypto = { tag: 3, parameters: [], ...masterOf(suite) };
      const again = parseCrypto(printCrypto(crypto))!;
      assert.deepEqual({ ...again, key: Buffer.from(again.key), salt: Buffer.from(again.salt) }, crypto);
    });

  const key = 'inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';
  for (const good of [
    `1 AES_CM_128_HMAC_SHA1_32 ${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key}|2^31 WSH=128 -X=1`,
    `9 AES_CM_128_HMAC_SHA1_80 ${key}|1:4`,
  ])
    it(`takes ${good.replace(key, 'key')}`, () => assert.equal(printCrypto(parseCrypto(good)!), good));
  for (const bad of [
    '',
    `x AES_CM_128_HMAC_SHA1_80 ${key}`,
    `1 F8_128_HMAC_SHA1_80 ${key}`,
    `1 constructor ${key}`,
    `1 AEAD_AES_256_GCM ${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key};${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key} KDR=1`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key} UNENCRYPTED_SRTP`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key}|1:0`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key}|256:1`,
    `1 AES_CM_128_HMAC_SHA1_80 ${key}|nonsense`,
    '1 AES_CM_128_HMAC_SHA1_80 inline:short',
    '1 AES_CM_128_HMAC_SHA1_80 key',
  ])
    it(`refuses "${bad.replaceAll(key, 'key')}"`, () => assert.equal(parseCrypto(bad), undefined));

  it('never throws', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        parseCrypto(a);
        parseCrypto(`1 AES_CM_128_HMAC_SHA1_80 ${key}${a} ${b}`);
      }),
    ));
});
