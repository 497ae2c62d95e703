import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  callId,
  canonicalName,
  createHeaders,
  createRequest,
  createResponse,
  cseq,
  defaultMessageLimits,
  fromTag,
  headerKey,
  parseCSeq,
  parseHeaders,
  parseMessage,
  parseNameAddress,
  parseUri,
  parseVia,
  printMessage,
  printNameAddress,
  printUri,
  printVia,
  reasonPhrase,
  sameUri,
  setToTag,
  splitList,
  StreamFramer,
  toTag,
  topVia,
  type SipMessage,
} from './index.ts';

const lines = (...text: string[]) => Buffer.from(`${text.join('\r\n')}\r\n\r\n`);

const invite = lines(
  'INVITE sip:bob@biloxi.example SIP/2.0',
  'Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds',
  'Via: SIP/2.0/UDP a.example;branch=z9hG4bKa, SIP/2.0/TCP b.example;branch=z9hG4bKb',
  'Max-Forwards: 70',
  'Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>',
  'f: "Alice, \\"A\\"" <sip:alice@atlanta.example>;tag=1928301774',
  't: Bob <sip:bob@biloxi.example>',
  'i: a84b4c76e66710@pc33.atlanta.example',
  'CSeq: 314159 INVITE',
  'Timestamp: 54',
  'Content-Length: 0',
);

const parsed = (bytes: Buffer): SipMessage => {
  const result = parseMessage(bytes);
  assert.ok(result.ok, result.ok ? '' : result.failure.reason);
  return result.message;
};

const parsedInvite = () => {
  const message = parsed(invite);
  assert.equal(message.kind, 'request');
  return message;
};

describe('SIP messages', () => {
  it('finds headers whatever their case and form (RFC 3261 §7.3.3)', () => {
    const { headers } = parsedInvite();
    assert.equal(headers.get('CALL-ID'), 'a84b4c76e66710@pc33.atlanta.example');
    assert.equal(headers.get('v'), headers.get('Via'));
    assert.equal(headers.all('via').length, 2);
    assert.equal(headers.list('via').length, 3);
    assert.equal(headers.has('subject'), false);
    assert.equal(headerKey('x'), 'session-expires');
    assert.equal(canonicalName('i'), 'Call-ID');
    assert.equal(canonicalName('X-Mine'), 'X-Mine');
  });

  it('reads Via, CSeq and tags without their neighbours', () => {
    const message = parsedInvite();
    assert.equal(topVia(message)?.parameters.get('branch'), 'z9hG4bK776asdhds');
    assert.deepEqual(cseq(message), { number: 314_159, method: 'INVITE' });
    assert.equal(fromTag(message), '1928301774');
    assert.equal(toTag(message), undefined);
    assert.equal(callId(message), 'a84b4c76e66710@pc33.atlanta.example');
    message.headers.set('To', '<sip:bob@biloxi.example>;tag=new');
    assert.equal(toTag(message), 'new', 'what was read before is not kept past a change');
  });

  it('prints what it read and nobody changed byte for byte, and with the change otherwise', () => {
    const message = parsedInvite();
    assert.deepEqual(printMessage(message), invite);
    message.headers.prepend('Via', 'SIP/2.0/UDP me;branch=z9hG4bKme');
    const again = parsed(printMessage(message));
    assert.equal(again.headers.list('via').length, 4);
    assert.equal(again.headers.list('via')[0], 'SIP/2.0/UDP me;branch=z9hG4bKme');
    message.body = Buffer.from('späť');
    const withBody = parsed(printMessage(message));
    assert.equal(withBody.headers.get('content-length'), '6');
    assert.equal(withBody.body.toString(), 'späť');
  });

  it('prints folded values in one line, so that what goes on is no header to anybody (RFC 3261 §7.3.1)', () => {
    const text = invite.toString();
    for (const folded of ['Subject: one\r\n\tP-Asserted-Identity: x', 'Subject:\r\n  Route: x\r\n y'])
      assert.doesNotMatch(
        printMessage(parsed(Buffer.from(text.replace('Timestamp: 54', folded)))).toString(),
        /\r\n[ \t]/,
      );
  });

  it('takes consumed values off a comma-separated header', () => {
    const { headers } = parsedInvite();
    assert.equal(headers.shift('via'), 'SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds');
    assert.equal(headers.shift('via'), 'SIP/2.0/UDP a.example;branch=z9hG4bKa');
    assert.deepEqual(headers.all('via'), ['SIP/2.0/TCP b.example;branch=z9hG4bKb']);
    headers.shift('via');
    assert.equal(headers.shift('via'), undefined);
    assert.equal(headers.has('via'), false);
  });

  it('sets in the place of the first, adds at the end, and leaves its clone alone', () => {
    const headers = createHeaders([
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
      { name: 'a', value: '3' },
    ]);
    const copy = headers.clone();
    headers.set('A', ['x', 'y']);
    headers.add('C', 'z');
    headers.delete('b');
    assert.deepEqual(
      [...headers].map((f) => `${f.name}=${f.value}`),
      ['A=x', 'A=y', 'C=z'],
    );
    assert.deepEqual(
      [...copy].map((f) => `${f.name}=${f.value}`),
      ['A=1', 'B=2', 'a=3'],
    );
  });

  it('lets no value end its line: nothing can be smuggled in', () => {
    const request = createRequest('OPTIONS', 'sip:a@b\r\nX-Evil: 1', [
      { name: 'Subject', value: 'a\r\nX-Evil: 1\n\nbody' },
      { name: 'Na me\r\n', value: 'v' },
    ]);
    request.headers.set('Subject', 'b\r\n\r\nX-Evil: 2');
    const text = printMessage(request).toString();
    assert.doesNotMatch(text, /^X-Evil/m);
    assert.equal(text.split('\r\n').length, 6);
  });

  it('answers with what a response must copy (RFC 3261 §8.2.6, §12.1.1)', () => {
    const request = parsedInvite();
    const ringing = createResponse(request, 180);
    setToTag(ringing, 'tag1');
    setToTag(ringing, 'tag2');
    const again = parsed(printMessage(ringing));
    assert.equal(again.kind === 'response' && again.reason, 'Ringing');
    assert.deepEqual(again.headers.list('via'), request.headers.list('via'));
    assert.equal(again.headers.list('record-route').length, 2);
    assert.equal(toTag(again), 'tag1');
    assert.equal(again.headers.has('timestamp'), false);
    assert.equal(createResponse(request, 100).headers.get('timestamp'), '54');
    assert.equal(createResponse(request, 486).headers.has('record-route'), false);
    assert.equal(createResponse(request, 486, 'Away', [{ name: 'Retry-After', value: '5' }]).reason, 'Away');
    assert.equal(reasonPhrase(488), 'Not Acceptable Here');
    assert.equal(reasonPhrase(499), 'Client Error');
  });

  it('reads header lines by themselves', () => {
    assert.equal(parseHeaders('Subject: a\r\n b\r\nX: y\r\n')?.get('s'), 'a b');
    assert.equal(parseHeaders('no colon here'), undefined);
    assert.equal(parseHeaders('A: b\nC: d'), undefined);
  });
});

describe('limits of a message', () => {
  const limits = { ...defaultMessageLimits, headerFields: 12, headerBytes: 800, messageBytes: 1000 };
  const many = (count: number, text: string) =>
    Buffer.from(`${invite.toString().slice(0, -2)}${text.repeat(count)}\r\n`);

  for (const [what, bytes] of [
    ['header fields', many(20, 'X: y\r\n')],
    ['bytes of header', many(1, `X: ${'y'.repeat(900)}\r\n`)],
    [
      'bytes',
      Buffer.concat([Buffer.from(invite.toString().replace('Length: 0', 'Length: 900')), Buffer.alloc(900)]),
    ],
  ] as const) {
    it(`too many ${what} are answered 513`, () => {
      const result = parseMessage(bytes, limits);
      assert.ok(!result.ok);
      assert.equal(result.failure.response?.status, 513);
    });
  }

  it('an ACK is never answered, nor is what names no way back', () => {
    for (const change of [
      [/INVITE/g, 'ACK'],
      [/^Via.*\r\n/gm, ''],
    ] as const) {
      const broken = invite
        .toString()
        .replace(change[0], change[1])
        .replace(/^f:.*$/m, 'f: "');
      const result = parseMessage(Buffer.from(broken));
      assert.ok(!result.ok);
      assert.equal(result.failure.response, undefined);
    }
  });

  it('long runs of blanks, quotes and separators take no more than linear time', () => {
    for (const filler of [' ', '\r\n ', '"', ';', ',', '\\"', '<', 'a=', '%']) {
      const value = filler.repeat(Math.floor(30_000 / filler.length));
      for (const name of ['Subject', 'Contact', 'Via', 'To']) {
        const bytes = Buffer.from(`${invite.toString().slice(0, -2)}${name}: x${value}x\r\n\r\n`);
        const started = performance.now();
        const result = parseMessage(bytes);
        if (result.ok) for (const header of [name, 'Via']) result.message.headers.list(header);
        assert.ok(performance.now() - started < 300, `${JSON.stringify(filler)} in ${name}`);
      }
    }
  });
});

describe('URIs', () => {
  const same = (a: string, b: string): boolean => {
    const [left, right] = [parseUri(a), parseUri(b)];
    assert.ok(left !== undefined && right !== undefined, `${a} ${b}`);
    assert.equal(sameUri(left, right), sameUri(right, left), 'the order does not matter');
    return sameUri(left, right);
  };

  // The examples of RFC 3261 §19.1.4.
  for (const [a, b] of [
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on'],
    [
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
      'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    ],
    [
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ],
    ['tel:+1-201-555-0123', 'tel:+12015550123'],
  ] as const) {
    it(`${a} is ${b}`, () => assert.ok(same(a, b)));
  }
  for (const [a, b] of [
    ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
    ['sip:bob@biloxi.com', 'sips:bob@biloxi.com'],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
    ['sip:biloxi.com', 'sip:bob@biloxi.com'],
  ] as const) {
    it(`${a} is not ${b}`, () => assert.ok(!same(a, b)));
  }

  it('are taken apart and put together again', () => {
    for (const text of [
      'sip:alice:secret@atlanta.com:5070;transport=tcp;lr?subject=x&y=z',
      'sips:[2001:db8::1]:5061',
      'sip:1001@127.0.0.1;ob',
      'sip:+49-30-123@example.com;user=phone',
      'tel:+1-201-555-0123;ext=22',
      'sip:user;par=u%40example.net@example.com',
    ]) {
      const uri = parseUri(text);
      assert.ok(uri, text);
      assert.equal(printUri(uri), text);
    }
  });

  it('are turned down when malformed', () => {
    for (const text of [
      '',
      'sip:',
      'sip:@host',
      'sip:a b@c',
      'sip:a@b:99999',
      'sip:a@b:x',
      'sip:a@[::1',
      'sip:a@[zz]',
      'sip:a@-b',
      'sip:a@b;;',
      'sip:<a@b>',
      'sip:a@b\r\n',
      'tel:',
      'tel:hello',
      'http://a.example',
    ]) {
      assert.equal(parseUri(text), undefined, text);
    }
  });
});

describe('header values', () => {
  it('addresses: quoted, plain, bare, with parameters on either side of the bracket', () => {
    const read = (text: string) => {
      const address = parseNameAddress(text);
      return address && [address.display, address.uri, [...address.parameters.keys()].join()];
    };
    assert.deepEqual(read('"A, \\"B\\" <c>" <sip:a@b;x=1>;tag=2'), ['A, "B" <c>', 'sip:a@b;x=1', 'tag']);
    assert.deepEqual(read('Ada Lovelace <sip:a@b>'), ['Ada Lovelace', 'sip:a@b', '']);
    assert.deepEqual(read('<sip:a@b>;Q=0.5 ; expires = 60'), [undefined, 'sip:a@b', 'q,expires']);
    assert.deepEqual(read('sip:a@b;tag=x'), [undefined, 'sip:a@b', 'tag']);
    for (const wrong of [
      '',
      '*',
      'Ada',
      '"Ada <sip:a@b>',
      'sip:a@b?x=y',
      '<sip:a@b',
      '<sip:a@b>x',
      '<sip:a b@c>',
      '<sip:a@b>;;',
    ])
      assert.equal(parseNameAddress(wrong), undefined, wrong);
    const round = parseNameAddress(
      printNameAddress({ display: 'q"\\', uri: 'sip:a@b', parameters: new Map([['tag', '1']]) }),
    );
    assert.equal(round?.display, 'q"\\');
  });

  it('Via: every shape that RFC 3261 §20.42 allows', () => {
    assert.deepEqual(parseVia('SIP/2.0/udp 192.0.2.1:5061;rport;branch=z9hG4bK1'), {
      transport: 'UDP',
      host: '192.0.2.1',
      port: 5061,
      parameters: new Map([
        ['rport', undefined],
        ['branch', 'z9hG4bK1'],
      ]),
    });
    const via = parseVia(
      'SIP / 2.0 / TCP first.example: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1',
    );
    assert.ok(via);
    assert.equal(
      printVia(via),
      'SIP/2.0/TCP first.example:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1',
    );
    for (const wrong of [
      'SIP/2.0/UDP',
      'SIP/2.0/UDP a b',
      'SIP/2.0/UDP a;',
      'SIP/2.0/UDP a:b',
      'HTTP/1.1/UDP a',
    ])
      assert.equal(parseVia(wrong), undefined, wrong);
  });

  it('CSeq: a number less than 2^31 and a method', () => {
    assert.deepEqual(parseCSeq('0009  INVITE'), { number: 9, method: 'INVITE' });
    for (const wrong of ['2147483648 INVITE', '-1 INVITE', '1', 'INVITE', '1 IN VITE', ''])
      assert.equal(parseCSeq(wrong), undefined, wrong);
  });

  it('lists are split outside quotes and brackets', () => {
    assert.deepEqual(splitList('"a,b" <sip:c,d@e>, f,, "g\\",h" , "open, i'), [
      '"a,b" <sip:c,d@e>',
      'f',
      '"g\\",h"',
      '"open',
      'i',
    ]);
  });
});

describe('any bytes', () => {
  const value = fc.stringMatching(/^[!-~\u00a1-\ud7ff]([ -~\u00a1-\ud7ff]{0,30}[!-~\u00a1-\ud7ff])?$/);
  const name = fc.stringMatching(/^X-[A-Za-z0-9\-.!%*_+`'~]{1,12}$/);
  const fields = fc.array(fc.record({ name, value }), { maxLength: 8 });
  const body = fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b));
  const base = [
    { name: 'Via', value: 'SIP/2.0/UDP h;branch=z9hG4bKx' },
    { name: 'From', value: '<sip:a@b>;tag=1' },
    { name: 'To', value: '<sip:a@b>' },
    { name: 'Call-ID', value: 'x' },
  ];
  const request = fc
    .record({ method: fc.stringMatching(/^[A-Z]{1,8}$/), fields, body })
    .map((r) =>
      createRequest(
        r.method,
        'sip:a@b',
        [...base, { name: 'CSeq', value: `1 ${r.method}` }, ...r.fields],
        r.body,
      ),
    );
  const response = fc
    .record({ request, status: fc.integer({ min: 101, max: 699 }), reason: value, fields, body })
    .map((r) => {
      const made = createResponse(r.request, r.status, r.reason, r.fields);
      made.body = r.body;
      return made;
    });
  const message: fc.Arbitrary<SipMessage> = fc.oneof(request, response);
  const plain = (m: SipMessage) => ({
    line: m.kind === 'request' ? [m.method, m.uri] : [m.status, m.reason],
    headers: [...m.headers].filter((f) => f.name !== 'Content-Length'),
    body: m.body,
  });

  it('parse(print(m)) is m', () => {
    fc.assert(
      fc.property(message, (made) => {
        const again = parsed(printMessage(made));
        assert.deepEqual(plain(again), plain(made));
        assert.deepEqual(printMessage(again), printMessage(made));
      }),
    );
  });

  it('never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseMessage(Buffer.from(bytes));
        new StreamFramer().push(Buffer.from(bytes));
      }),
    );
  });

  it('never throws on a valid message with bytes changed, and what it accepts it can print', () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.constantFrom(...Buffer.from('\r\n :;,"<>@[]%\0')), fc.nat(255)),
    });
    fc.assert(
      fc.property(message, fc.array(change, { maxLength: 6 }), (made, changes) => {
        const bytes = Buffer.from(printMessage(made));
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        const result = parseMessage(bytes);
        if (!result.ok) {
          if (result.failure.response) printMessage(result.failure.response);
          return;
        }
        const { message: read } = result;
        for (const header of read.headers) read.headers.list(header.name);
        read.headers.add('X-Touched', '1');
        const again = parseMessage(printMessage(read));
        assert.ok(
          again.ok,
          again.ok ? '' : `${again.failure.reason} in ${JSON.stringify(printMessage(read).toString())}`,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('the framer finds the same messages however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
        fc.boolean(),
        (sent, sizes, pings) => {
          const wire = sent.map((m) => printMessage(m));
          const stream = Buffer.concat(
            wire.flatMap((bytes) => (pings ? [Buffer.from('\r\n\r\n'), bytes] : [bytes])),
          );
          const framer = new StreamFramer();
          const seen: Buffer[] = [];
          let heard = 0;
          for (let at = 0; at < stream.length;) {
            const size = sizes.next().value;
            for (const event of framer.push(Buffer.from(stream.subarray(at, at + size)))) {
              if (event.kind === 'ping') heard++;
              else if (event.kind === 'message') seen.push(event.bytes);
              else assert.fail(event.kind);
            }
            at += size;
          }
          assert.deepEqual(seen, wire);
          assert.equal(heard, pings ? sent.length : 0);
          assert.equal(framer.buffered, 0);
        },
      ),
    );
  });
});

describe('StreamFramer', () => {
  const kinds = (framer: StreamFramer, text: string) => framer.push(Buffer.from(text)).map((e) => e.kind);

  it('tells the double CRLF of a keep-alive and passes over other empty lines (RFC 5626 §3.5.1, RFC 3261 §7.5)', () => {
    const framer = new StreamFramer();
    assert.deepEqual(kinds(framer, '\r\n\r'), []);
    assert.deepEqual(kinds(framer, '\n'), ['ping']);
    assert.deepEqual(kinds(framer, `\r\n${invite.toString()}`), ['message']);
    assert.deepEqual(kinds(framer, '\r\n\r\n\r\n\r\n'), ['ping', 'ping']);
  });

  it('gives up on a stream whose next message cannot be found, with an answer where one is due', () => {
    for (const [change, status] of [
      [/^Content-Length.*\r\n/m, 400],
      [/^CSeq/m, 400],
    ] as const) {
      const text = invite
        .toString()
        .replace(change, change.source.startsWith('^CSeq') ? 'Content-Length: 7\r\nCSeq' : '');
      const framer = new StreamFramer();
      const [event] = framer.push(Buffer.from(text));
      assert.equal(event?.kind === 'failure' && event.failure.response?.status, status);
      assert.deepEqual(kinds(framer, invite.toString()), [], 'nothing more is read');
    }
  });

  it('holds no more than a message and its header may have', () => {
    const limits = { ...defaultMessageLimits, headerBytes: 1000, messageBytes: 2000 };
    const endless = new StreamFramer(limits);
    const events = Array.from({ length: 30 }, () => endless.push(Buffer.alloc(50, 'x'))).flat();
    assert.deepEqual(
      events.map((e) => e.kind),
      ['failure'],
    );
    assert.equal(endless.buffered, 0);
    const large = new StreamFramer(limits).push(
      Buffer.from(invite.toString().replace('Length: 0', 'Length: 2000')),
    );
    assert.equal(large[0]?.kind === 'failure' && large[0].failure.response?.status, 513);
  });
});
