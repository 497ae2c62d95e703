import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { addressBytes, isLoopback, plainAddress } from '../../net/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { createRequest, parseVia } from '../message/index.ts';
import { chooseListener } from './listeners.ts';
import { Recent } from './recent.ts';
import { SourceGuard } from './source-guard.ts';
import { stunAnswer } from './stun.ts';
import type { Listener, Protocol } from './types.ts';
import { moveVia, replyAddress, stampVia, viaValue } from './via.ts';

const listener = (protocol: Protocol, address: string, external?: string): Listener => ({
  protocol,
  local: { address, port: 5060 },
  ...(external === undefined ? {} : { external: { address: external, port: 5060 } }),
});

describe('the choice of a listener', () => {
  const all = [
    listener('udp', '127.0.0.1'),
    listener('udp', '10.1.0.5'),
    listener('udp', '192.168.7.5', '198.51.100.1'),
    listener('tcp', '10.1.0.5'),
    listener('udp', '::1'),
  ];
  const interfaces = [
    { address: '10.1.0.5', prefix: 16 },
    { address: '192.168.7.5', prefix: 24 },
  ];
  const cases: [Protocol, string, string | undefined, string][] = [
    ['udp', '127.0.0.9', '127.0.0.1', 'loopback to loopback'],
    ['udp', '10.1.200.1', '10.1.0.5', 'the same subnet'],
    ['udp', '192.0.2.1', '192.168.7.5', 'an external address for the rest of the world'],
    ['tcp', '192.168.7.9', '10.1.0.5', 'the only one of the protocol'],
    ['udp', '2001:db8::1', '::1', 'loopback for want of another'],
    ['tcp', '2001:db8::1', undefined, 'none of that family'],
    ['tls', '127.0.0.1', undefined, 'none of that protocol'],
  ];
  for (const [protocol, remote, local, why] of cases) {
    it(`${protocol} to ${remote}: ${why}`, () => {
      assert.equal(chooseListener(all, protocol, remote, interfaces)?.local.address, local);
    });
  }
});

describe('Via', () => {
  const stamped = (via: string, address = '192.0.2.1'): string => {
    const request = createRequest('OPTIONS', 'sip:a@b', [{ name: 'Via', value: via }]);
    stampVia(request, { address, port: 1234 });
    return request.headers.get('via') ?? '';
  };

  it('is stamped as RFC 3581 §4 and RFC 3261 §18.2.1 say', () => {
    const plain = 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1';
    assert.equal(stamped(plain), plain);
    assert.equal(stamped(`${plain};rport`), `${plain};rport=1234;received=192.0.2.1`);
    assert.equal(
      stamped('SIP/2.0/UDP a.b;branch=z9hG4bK1'),
      'SIP/2.0/UDP a.b;branch=z9hG4bK1;received=192.0.2.1',
    );
    assert.equal(
      stamped('SIP/2.0/UDP a.b ; RPORT ;branch=z9hG4bK1;Received=[::1]'),
      'SIP/2.0/UDP a.b;branch=z9hG4bK1;rport=1234;received=192.0.2.1',
    );
    assert.equal(
      stamped('SIP/2.0/TCP [2001:db8::1]:5060;x=1', '2001:db8::1'),
      'SIP/2.0/TCP [2001:db8::1]:5060;x=1',
    );
  });

  it('names the external address, and moves to another listener with its branch', () => {
    const udp = listener('udp', '10.0.0.1', '198.51.100.7');
    assert.equal(viaValue(udp, 'z9hG4bKx'), 'SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bKx');
    const request = createRequest('OPTIONS', 'sip:a@b', [{ name: 'Via', value: viaValue(udp, 'z9hG4bKx') }]);
    moveVia(request, listener('tcp', '::1'));
    assert.equal(request.headers.get('via'), 'SIP/2.0/TCP [::1]:5060;rport;branch=z9hG4bKx');
  });

  it('tells where a response goes (RFC 3261 §18.2.2, RFC 3581 §4)', () => {
    const place = (text: string, protocol: Protocol = 'udp') => {
      const via = parseVia(text);
      assert.ok(via);
      const { address, port } = replyAddress(via, protocol);
      return `${address} ${port}`;
    };
    assert.equal(place('SIP/2.0/UDP a.b:7;received=192.0.2.1;rport=99'), '192.0.2.1 99');
    assert.equal(place('SIP/2.0/UDP a.b:7;received=192.0.2.1'), '192.0.2.1 7');
    assert.equal(place('SIP/2.0/UDP a.b'), 'a.b 5060');
    assert.equal(place('SIP/2.0/UDP a.b;maddr=224.0.1.75;received=192.0.2.1'), '224.0.1.75 5060');
    assert.equal(place('SIP/2.0/TCP a.b:7;received=192.0.2.1;rport=99', 'tcp'), '192.0.2.1 7');
    assert.equal(place('SIP/2.0/TLS a.b;received=192.0.2.1', 'tls'), '192.0.2.1 5061');
  });
});

describe('STUN (RFC 5389 §15.2)', () => {
  it('tells an IPv6 peer its address', () => {
    const request = Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex');
    const answer = stunAnswer(request, { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 });
    // The address and the result are those of RFC 5769 §2.3.
    assert.equal(answer?.toString('hex', 24), '0002a1470113a9faa5d3f179bc25f4b5bed2b9d9');
  });

  it('answers nothing else, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const answer = stunAnswer(buffer, { address: '192.0.2.1', port: 1 });
        assert.ok(answer === undefined || buffer.readUInt32BE(4) === 0x2112a442);
      }),
    );
  });
});

describe('Recent', () => {
  it('keeps what is used and never more than its capacity', () => {
    const recent = new Recent<number>(10);
    for (let i = 0; i < 100; i++) {
      recent.set(`k${i}`, i);
      recent.set('used', recent.get('used') ?? -1);
      assert.ok(recent.size <= 10);
    }
    assert.equal(recent.get('used'), -1);
    assert.equal(recent.get('k99'), 99);
    assert.equal(recent.get('k0'), undefined);
  });
});

describe('SourceGuard', () => {
  it('mutes a source for what is left of its window, and holds no more than its capacity', () => {
    const clock = new VirtualClock();
    const guard = new SourceGuard(clock, { limit: 2, windowMs: 1_000, capacity: 100 });
    assert.deepEqual(
      [1, 2, 3].map(() => guard.strike('a')),
      [true, true, false],
    );
    assert.equal(guard.isMuted('a'), true);
    assert.equal(guard.isMuted('b'), false);
    clock.advance(1_001);
    assert.equal(guard.isMuted('a'), false);
    assert.equal(guard.strike('a'), true);
    for (let i = 0; i < 1_000; i++) guard.strike(`s${i}`);
    assert.ok(guard.size <= 100);
  });
});

describe('addresses', () => {
  it('reads both families', () => {
    const hex = (text: string) => Buffer.from(addressBytes(text) ?? []).toString('hex');
    assert.equal(hex('192.0.2.255'), 'c00002ff');
    assert.equal(hex('::'), '0'.repeat(32));
    assert.equal(hex('2001:db8::1'), '20010db8000000000000000000000001');
    assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
    assert.equal(hex('::ffff:192.0.2.1'), '00000000000000000000ffffc0000201');
    assert.equal(hex('fe80::1%eth0'), 'fe800000000000000000000000000001');
    assert.equal(addressBytes('example.com'), undefined);
    assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
    assert.deepEqual(['127.9.9.9', '::1', '10.0.0.1', 'localhost'].map(isLoopback), [
      true,
      true,
      false,
      false,
    ]);
  });
});
