import assert from 'node:assert/strict';
import { createRequest } from '../sip/index.ts';
import { given, parseAppMessage } from './app-message.ts';
import {
  answerOwned,
  contentTypeOf,
  draftHeaders,
  headerSpelling,
  localise,
  requestOwned,
} from './header-rules.ts';

const read = (text: string) => {
  const message = parseAppMessage(Buffer.from(text.replaceAll('\n', '\r\n')));
  assert.ok(typeof message === 'object', text);
  return message;
};

describe('messages of applications', () => {
  it('takes the header lines that are some, and all the rest as the body', () => {
    const message = read(
      'INVITE sip:a@b SIP/2.0\nfrom:  <sip:x@y> \nbad header: 1\n Subject: smuggled\nno colon\nContent-Length: 1\n\nv=0\n\ntail',
    );
    assert.deepEqual(message.headers, [
      { name: 'From', value: '<sip:x@y>' },
      { name: 'Content-Length', value: '1' },
    ]);
    assert.equal(message.body.toString(), 'v=0\r\n\r\ntail');
    assert.equal(given(message, 'from'), '<sip:x@y>');
  });

  it('reads status lines with and without reason', () => {
    const ok = read('SIP/2.0 200 OK\n\n');
    assert.deepEqual([ok.kind, ok.kind === 'response' && [ok.status, ok.reason]], ['response', [200, 'OK']]);
    assert.equal(read('SIP/2.0 486\n\n').kind, 'response');
  });

  it('tells what is wrong with a start line', () => {
    for (const [text, says] of [
      ['SIP/2.0 abc', 'invalid status line: SIP/2.0 abc'],
      ['INVITE', 'invalid request-uri: INVITE'],
      ['INVITE sip:a b SIP/2.0', 'invalid request-uri: INVITE sip:a b SIP/2.0'],
      ['', 'invalid request-uri: '],
    ] as const)
      assert.equal(parseAppMessage(Buffer.from(text)), says);
  });
});

describe('headers of applications', () => {
  it('never takes those of the stack', () => {
    const fields = ['Via', 'v', 'Route', 'record-route', 'RSeq', 'l', 'Content-Length', 'Subject'].map(
      (name) => ({
        name,
        value: 'x',
      }),
    );
    assert.deepEqual(draftHeaders(fields, requestOwned).headers, [{ name: 'Subject', value: 'x' }]);
    const identity = ['From', 't', 'i', 'CSeq', 'Max-Forwards'].map((name) => ({ name, value: 'x' }));
    assert.deepEqual(draftHeaders(identity, answerOwned).headers, []);
    assert.equal(draftHeaders(identity, requestOwned).headers.length, 5);
  });

  it('spells known headers as usual, others with capitals, X- headers as given', () => {
    const spelt = ['call-id', 'p-asserted-identity', 'foo-bar', 'x-lower', 'X-Mixed-case', 'sip-etag'].map(
      headerSpelling,
    );
    assert.deepEqual(spelt, [
      'Call-ID',
      'P-Asserted-Identity',
      'Foo-Bar',
      'x-lower',
      'X-Mixed-case',
      'SIP-ETag',
    ]);
  });

  it('puts the address of the endpoint in the place of localhost', () => {
    const host = { address: '192.0.2.1', port: 5062 };
    assert.equal(localise('sip:1234@localhost', host), '<sip:1234@192.0.2.1:5062>');
    assert.equal(
      localise('"Ada" <sip:1@localhost:9;x=y>;tag=7', host),
      '"Ada" <sip:1@192.0.2.1:5062;x=y>;tag=7',
    );
    assert.equal(
      localise('<sip:a@localhost>;expires=60, <sip:b@localhost>', host).includes('localhost'),
      false,
    );
    assert.equal(localise('<sip:a@example.com>', host), '<sip:a@example.com>');
    assert.equal(localise('<sip:a@localhost>', { address: '::1', port: 5060 }), '<sip:a@[::1]:5060>');
    const { headers, localise: put } = draftHeaders(
      [
        { name: 'Contact', value: '<sip:a@localhost>' },
        { name: 'Subject', value: 'me@localhost' },
      ],
      requestOwned,
    );
    const request = createRequest('INVITE', 'sip:a@b', headers);
    put?.(request, { protocol: 'udp', local: { address: '127.0.0.1', port: 5060 }, external: host });
    assert.equal(request.headers.get('contact'), '<sip:a@192.0.2.1:5062>');
    assert.equal(request.headers.get('subject'), 'me@localhost');
  });

  it('knows SDP by its first line and nothing else', () => {
    assert.deepEqual(contentTypeOf([], Buffer.from('v=0\r\n')), {
      name: 'Content-Type',
      value: 'application/sdp',
    });
    assert.equal(contentTypeOf([], Buffer.from('hello')), 'missing');
    assert.equal(contentTypeOf([], Buffer.alloc(0)), undefined);
    assert.equal(contentTypeOf([{ name: 'c', value: 'text/plain' }], Buffer.from('hello')), undefined);
  });
});
