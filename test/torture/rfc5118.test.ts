import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  contact,
  parseMessage,
  parseUri,
  parseVia,
  requestUri,
  to,
  topVia,
  type SipRequest,
} from '../../src/sip/message/index.ts';

const folder = join(import.meta.dirname, 'rfc5118');
const read = (name: string) => parseMessage(readFileSync(join(folder, `${name}.dat`)));
const understood = (name: string): SipRequest => {
  const result = read(name);
  assert.ok(result.ok, result.ok ? '' : result.failure.reason);
  assert.equal(result.message.kind, 'request');
  return result.message;
};

const uriOf = (name: string) => {
  const uri = requestUri(understood(name));
  return { host: uri?.host, port: uri?.port };
};

const received = (name: string) => topVia(understood(name))?.parameters.get('received');

const cases: Record<string, (name: string) => void> = {
  '4.1-good': (name) => {
    const request = understood(name);
    assert.equal(requestUri(request)?.host, '2001:db8::10');
    assert.equal(topVia(request)?.host, '2001:db8::9:1');
    assert.equal(parseUri(contact(request)?.uri ?? '')?.host, '2001:db8::1');
  },
  '4.2-bad': (name) => {
    const result = read(name);
    assert.ok(!result.ok);
    assert.equal(result.failure.response?.status, 400);
  },
  '4.3-port-ambiguous': (name) =>
    assert.deepEqual(uriOf(name), { host: '2001:db8::10:5070', port: undefined }),
  '4.4-port-unambiguous': (name) => assert.deepEqual(uriOf(name), { host: '2001:db8::10', port: 5070 }),
  '4.5-received-with-delimiters': (name) => assert.equal(received(name), '[2001:db8::9:255]'),
  '4.5-received-without-delimiters': (name) => assert.equal(received(name), '2001:db8::9:255'),
  '4.6-sdp': (name) => {
    const request = understood(name);
    assert.match(request.body.toString(), /^c=IN IP6 2001:db8::20\r$/m);
    assert.equal(request.body.length, Number(request.headers.get('content-length')));
  },
  '4.7-addresses-in-headers': (name) => {
    const vias = understood(name).headers.list('via').map(parseVia);
    assert.deepEqual(
      vias.map((via) => [via?.transport, via?.host, via?.port]),
      [
        ['UDP', '2001:db8::9:1', 6050],
        ['UDP', '192.0.2.1', undefined],
        ['TCP', '2001:db8::9:255', undefined],
      ],
    );
    assert.equal(vias[2]?.parameters.get('received'), '192.0.2.200');
  },
  '4.8-addresses-in-sdp': (name) => {
    const body = understood(name).body.toString();
    assert.match(body, /IP4 192\.0\.2\.1\r\n[^]*IP6 2001:db8::1\r\n/);
  },
  '4.9-ipv4-mapped': (name) => {
    const request = understood(name);
    assert.equal(topVia(request)?.host, '::ffff:192.0.2.10');
    assert.equal(topVia(request)?.port, 19_823);
    assert.equal(parseUri(contact(request)?.uri ?? '')?.host, '::ffff:192.0.2.2');
  },
  '4.10-three-colons': (name) => {
    // An implementation must tolerate it; it is read as the address that was meant.
    const request = understood(name);
    assert.equal(requestUri(request)?.host, '2001:db8::192.0.2.1');
    assert.equal(parseUri(to(request)?.uri ?? '')?.host, '2001:db8::192.0.2.1');
  },
  '4.10-two-colons': (name) => assert.equal(uriOf(name).host, '2001:db8::192.0.2.1'),
};

describe('RFC 5118 torture messages', () => {
  it('has a case for every message', () => {
    const files = readdirSync(folder).filter((f) => f.endsWith('.dat'));
    assert.deepEqual(files.map((f) => f.replace(/\.dat$/, '')).sort(), Object.keys(cases).sort());
  });
  for (const [name, check] of Object.entries(cases)) it(`§${name}`, () => check(name));
});
