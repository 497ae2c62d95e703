import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  parseStun,
  printStun,
  STUN_ATTRIBUTE,
  stunAttribute,
  stunMappedAddress,
  verifyStun,
  xorMappedAddress,
  type StunMessage,
} from './index.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
// RFC 5769 §2.1 to §2.3
const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';
const request = hex(`00010058 2112a442 b7e7a701 bc34d686 fa87dfae
  80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff 80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020
  00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  80280004 e57a3bcf`);
const response4 = hex(`0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
  8022000b 74657374 20766563 746f7220
  00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
  80280004 c07d4c96`);
const response6 = hex(`01010048 2112a442 b7e7a701 bc34d686 fa87dfae
  8022000b 74657374 20766563 746f7220
  00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
  80280004 c8fb0b4c`);

describe('STUN (RFC 8489)', () => {
  it('reads the request of RFC 5769 §2.1', () => {
    const message = parseStun(request)!;
    assert.deepEqual([message.class, message.method], ['request', 1]);
    assert.equal(Buffer.from(stunAttribute(message, STUN_ATTRIBUTE.username)!).toString(), 'evtj:h6vY');
    assert.equal(Buffer.from(stunAttribute(message, STUN_ATTRIBUTE.priority)!).toString('hex'), '6e0001ff');
    assert.ok(verifyStun(request, PASSWORD));
    assert.equal(verifyStun(request, 'guess'), false);
  });

  it('reads the responses of §2.2 and §2.3', () => {
    assert.deepEqual(stunMappedAddress(parseStun(response4)!), { address: '192.0.2.1', port: 32_853 });
    assert.deepEqual(stunMappedAddress(parseStun(response6)!), {
      address: '2001:db8:1234:5678:11:2233:4455:6677',
      port: 32_853,
    });
    assert.ok(verifyStun(response4, PASSWORD) && verifyStun(response6, PASSWORD));
  });

  it('prints what it parses, sealed', () => {
    const transaction = hex('b7e7a701 bc34d686 fa87dfae');
    const attributes = [
      xorMappedAddress(transaction, Buffer.from([10, 0, 0, 1]), 4000),
      { type: STUN_ATTRIBUTE.software, value: Buffer.from('abc') },
    ];
    for (const name of ['request', 'indication', 'success', 'error'] as const) {
      const message: StunMessage = { class: name, method: 0xfed & 0xfff, transaction, attributes };
      const bytes = printStun(message, 'secret');
      const again = parseStun(bytes)!;
      assert.deepEqual([again.class, again.method], [name, 0xfed]);
      assert.deepEqual(stunMappedAddress(again), { address: '10.0.0.1', port: 4000 });
      assert.ok(verifyStun(bytes, 'secret'));
    }
  });

  it('refuses what was changed, cut or grown', () => {
    for (let at = 0; at < request.length; at += 1) {
      const forged = Buffer.from(request);
      forged[at]! ^= 0x01;
      // Octets 100 and 101 say that the last attribute is the fingerprint; another one there is just passed over.
      if (at !== 100 && at !== 101) assert.equal(verifyStun(forged, PASSWORD), false, `octet ${at}`);
      assert.equal(parseStun(request.subarray(0, at)), undefined);
    }
    assert.equal(parseStun(Buffer.concat([request, Buffer.alloc(4)])), undefined);
  });

  it('leaves out what follows MESSAGE-INTEGRITY, which nobody vouches for (§14.5)', () => {
    const transaction = Buffer.alloc(12);
    const sealed = printStun({ class: 'request', method: 1, transaction, attributes: [] }, 'k').subarray(
      0,
      -8,
    );
    const grown = Buffer.concat([sealed, hex('00250000')]);
    grown.writeUInt16BE(grown.length - 20, 2);
    const message = parseStun(grown)!;
    assert.deepEqual(
      message.attributes.map(({ type }) => type),
      [STUN_ATTRIBUTE.messageIntegrity],
    );
    assert.ok(verifyStun(grown, 'k'));
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, likely) => {
        const buffer = Buffer.from(bytes);
        if (likely && buffer.length >= 20) {
          buffer.writeUInt16BE(1, 0);
          buffer.writeUInt16BE(buffer.length - 20, 2);
          buffer.writeUInt32BE(0x2112_a442, 4);
        }
        const message = parseStun(buffer);
        if (message) {
          stunMappedAddress(message);
          printStun(message, 'key');
        }
        verifyStun(buffer, 'key');
      }),
      { numRuns: 3000 },
    );
  });
});
