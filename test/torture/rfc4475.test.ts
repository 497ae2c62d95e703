import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  branch,
  callId,
  contact,
  cseq,
  from,
  fromTag,
  parseMessage,
  parseNameAddress,
  parseUri,
  parseVia,
  printMessage,
  requestUri,
  StreamFramer,
  to,
  toTag,
  topVia,
  unescapeUri,
  uriScheme,
  type ParseFailure,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../../src/sip/message/index.ts';

// The byte-exact messages of RFC 4475 are not part of this repository; the folder beside it holds them where they are.
const folder = resolve(import.meta.dirname, '../../../shared/rfc4475');
const bytesOf = (name: string) => readFileSync(join(folder, `${name}.dat`));

const understood = (name: string): SipMessage => {
  const result = parseMessage(bytesOf(name));
  assert.ok(result.ok, result.ok ? '' : result.failure.reason);
  return result.message;
};
const request = (name: string): SipRequest => {
  const message = understood(name);
  assert.equal(message.kind, 'request');
  return message;
};
const response = (name: string): SipResponse => {
  const message = understood(name);
  assert.equal(message.kind, 'response');
  return message;
};
const refused = (name: string): ParseFailure => {
  const result = parseMessage(bytesOf(name));
  assert.ok(!result.ok, 'it should be refused');
  return result.failure;
};
/** Refused with a response that could be sent: its headers are those of the request, its To has a tag. */
const answered = (name: string, status: number): SipResponse => {
  const answer = refused(name).response;
  assert.equal(answer?.status, status);
  const again = parseMessage(printMessage(answer));
  if (again.ok) assert.ok(toTag(again.message), 'To has a tag');
  return answer;
};
const dropped = (name: string) => assert.equal(refused(name).response, undefined);

// Section 3.1.1: valid messages.
const valid: Record<string, (name: string) => void> = {
  // §3.1.1.1
  TC_WSINV: (name) => {
    const r = request(name);
    assert.equal(r.uri, 'sip:vivekg@chair-dnrc.example.com;unknownparam');
    assert.equal(toTag(r), '1918181833n');
    assert.equal(from(r)?.display, 'J Rosenberg \\"');
    assert.equal(fromTag(r), '98asjd8');
    assert.deepEqual(cseq(r), { number: 9, method: 'INVITE' });
    assert.equal(Number(r.headers.get('max-forwards')), 68);
    const vias = r.headers.list('via').map(parseVia);
    assert.deepEqual(
      vias.map((v) => [v?.transport, v?.host, v?.parameters.get('branch')]),
      [
        ['UDP', '192.0.2.2', '390skdjuw'],
        ['TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
        ['UDP', '192.168.255.111', 'z9hG4bK30239'],
      ],
    );
    assert.equal(r.headers.get('Subject'), '');
    assert.equal(r.headers.get('NewFangledHeader'), 'newfangled value continued newfangled value');
    assert.equal(r.headers.get('unknownheaderwithunusualvalue'), ';;,,;;,;');
    const route = parseNameAddress(r.headers.get('route') ?? '');
    assert.ok(parseUri(route?.uri ?? '')?.parameters.has('lr'));
    assert.equal(contact(r)?.display, 'Quoted string ""');
    assert.equal(contact(r)?.parameters.get('newparam'), 'newvalue');
    assert.equal(contact(r)?.parameters.get('q'), '0.33');
    assert.equal(r.body.length, 150);
  },
  // §3.1.1.2
  TC_INTMETH: (name) => {
    const r = request(name);
    const method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert.equal(r.method, method);
    assert.deepEqual(cseq(r), { number: 139_122_385, method });
    const uri = requestUri(r);
    assert.equal(uri?.host, 'example.com');
    assert.equal(uri?.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert.equal(uri?.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    assert.equal(branch(r), "z9hG4bK-.!%66*_+`'~");
    assert.equal(to(r)?.display, 'BEL:\u0007 NUL:\u0000 DEL:\u007f');
    assert.equal(from(r)?.display, "token1~` token2'+_ token3*%!.-");
    assert.equal(from(r)?.parameters.get("fromparam''~+*_!.-%"), '"работающий"');
    assert.equal(fromTag(r), "_token~1'+`*%!-.");
    assert.equal(callId(r), 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{');
    assert.equal(r.headers.get("extensionHeader-!.%*+_`'~"), '\ufeff大停電');
  },
  // §3.1.1.3
  TC_ESC01: (name) => {
    const r = request(name);
    const uri = requestUri(r);
    assert.equal(uri?.user, 'sips%3Auser%40example.com');
    assert.equal(uri?.host, 'example.net');
    assert.equal(unescapeUri(uri?.user ?? ''), 'sips:user@example.com');
    assert.equal(unescapeUri(parseUri(to(r)?.uri ?? '')?.user ?? ''), 'user');
    assert.equal(unescapeUri(parseUri(from(r)?.uri ?? '')?.user ?? ''), 'I have spaces');
    const there = parseUri(contact(r)?.uri ?? '');
    assert.equal(unescapeUri(there?.user ?? ''), 'caller');
    assert.deepEqual(
      [...(there?.parameters ?? [])].map(([n, v]) => [unescapeUri(n), unescapeUri(v ?? '')]),
      [
        ['lr', ''],
        ['name', 'value%41'],
      ],
    );
  },
  // §3.1.1.4
  TC_ESCNULL: (name) => {
    const r = request(name);
    assert.equal(unescapeUri(parseUri(to(r)?.uri ?? '')?.user ?? ''), 'null-\u0000-null');
    assert.deepEqual(
      r.headers.list('contact').map((c) => parseUri(parseNameAddress(c)?.uri ?? '')?.user),
      ['%00', '%00%00'],
    );
  },
  // §3.1.1.5: no escapes outside URIs.
  TC_ESC02: (name) => {
    const r = request(name);
    assert.equal(r.method, 'RE%47IST%45R');
    assert.equal(to(r)?.display, '%Z%45');
    assert.equal(branch(r), 'z9hG4bK209%fzsnel234');
    assert.equal(r.headers.all('Contact').length, 2);
    assert.equal(r.headers.get('C%6Fntact'), '<sip:alias2@host2.example.com>');
  },
  // §3.1.1.6
  TC_LWSDISP: (name) => {
    const r = request(name);
    assert.equal(from(r)?.display, 'caller');
    assert.equal(from(r)?.uri, 'sip:caller@example.com');
    assert.equal(fromTag(r), '323');
  },
  // §3.1.1.7
  TC_LONGREQ: (name) => {
    const r = request(name);
    const display = `I have a user name of ${'extreme'.repeat(10)} proportion`;
    assert.equal(to(r)?.display, display);
    assert.equal(to(r)?.parameters.size, 0, "the parameters are the URI's");
    assert.equal(r.headers.list('via').length, 34);
    assert.equal(topVia(r)?.host, 'sip33.example.com');
    assert.equal(parseVia(r.headers.list('via').at(-1) ?? '')?.parameters.get('received'), '192.0.2.5');
    assert.equal(callId(r), `longreq.one${'really'.repeat(20)}longcallid`);
    assert.ok((fromTag(r)?.length ?? 0) > 100);
  },
  // §3.1.1.8: what follows Content-Length is no second request in a datagram.
  TC_DBLREQ: (name) => {
    const r = request(name);
    assert.equal(r.method, 'REGISTER');
    assert.equal(callId(r), 'dblreq.0ha0isndaksdj99sdfafnl3lk233412');
    assert.equal(r.body.length, 0);
    assert.ok(!printMessage(r).includes('INVITE'));
  },
  // §3.1.1.9
  TC_SEMIURI: (name) => {
    const r = request(name);
    assert.equal(requestUri(r)?.user, 'user;par=u%40example.net');
    assert.equal(requestUri(r)?.parameters.size, 0);
    assert.deepEqual(r.headers.list('accept').slice(-2), ['message/sip', 'message/sipfrag']);
  },
  // §3.1.1.10
  TC_TRANSPORTS: (name) => {
    assert.deepEqual(
      request(name)
        .headers.list('via')
        .map((v) => parseVia(v)?.transport),
      ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'],
    );
  },
  // §3.1.1.11: bytes that are no text stay as they are.
  TC_MPART01: (name) => {
    const r = request(name);
    assert.equal(r.body.length, 553);
    assert.deepEqual(r.body, bytesOf(name).subarray(-553));
    assert.match(r.headers.get('content-type') ?? '', /boundary=7a9cbec02ceef655$/);
  },
  // §3.1.1.12
  TC_UNREASON: (name) => {
    const r = response(name);
    assert.equal(r.status, 200);
    assert.equal(r.reason, '= 2**3 * 5**2 но сто девяносто девять - простое');
  },
  // §3.1.1.13
  TC_NOREASON: (name) => {
    const r = response(name);
    assert.equal(r.status, 100);
    assert.equal(r.reason, '');
  },
};

// Section 3.1.2: invalid messages.
const invalid: Record<string, (name: string) => void> = {
  // §3.1.2.1
  TC_BADINV01: (name) => {
    const via = topVia(answered(name, 400));
    assert.equal(via?.host, '192.0.2.15', 'the answer finds its way');
  },
  // §3.1.2.2: a datagram that ends too early; a stream waits for the rest.
  TC_CLERR: (name) => {
    answered(name, 400);
    const framer = new StreamFramer();
    assert.deepEqual(framer.push(bytesOf(name)), []);
  },
  // §3.1.2.3: and a stream cannot be read on after it.
  TC_NCL: (name) => {
    answered(name, 400);
    const [event] = new StreamFramer().push(bytesOf(name));
    assert.equal(event?.kind, 'failure');
    assert.equal(event?.kind === 'failure' && event.failure.response?.status, 400);
  },
  // §3.1.2.4
  TC_SCALAR02: (name) => answered(name, 400),
  // §3.1.2.5
  TC_SCALARLG: dropped,
  // §3.1.2.6
  TC_QUOTBAL: (name) => answered(name, 400),
  // §3.1.2.7
  TC_LTGTRURI: (name) => answered(name, 400),
  // §3.1.2.8
  TC_LWSRURI: (name) => answered(name, 400),
  // §3.1.2.9
  TC_LWSSTART: (name) => answered(name, 400),
  // §3.1.2.10
  TC_TRWS: (name) => answered(name, 400),
  // §3.1.2.11: the headers of a Request-URI are passed over; nothing takes a route from them.
  TC_ESCRURI: (name) => {
    const r = request(name);
    assert.equal(requestUri(r)?.host, 'example.com');
    assert.ok(!r.headers.has('route'));
  },
  // §3.1.2.12: one that does not look at Date need not refuse it.
  TC_BADDATE: (name) => assert.equal(request(name).headers.get('date'), 'Fri, 01 Jan 2010 16:00:00 EST'),
  // §3.1.2.13
  TC_REGBADCT: (name) => answered(name, 400),
  // §3.1.2.14: blanks about the URI are passed over.
  TC_BADASPEC: (name) => assert.equal(to(request(name))?.uri, 'sip:t.watson@example.org'),
  // §3.1.2.15: a display name that should have been quoted is understood.
  TC_BADDN: (name) => {
    assert.equal(from(request(name))?.display, 'Bell, Alexander');
    assert.equal(fromTag(request(name)), '43');
  },
  // §3.1.2.16
  TC_BADVERS: (name) => answered(name, 505),
  // §3.1.2.17
  TC_MISMATCH01: (name) => answered(name, 400),
  // §3.1.2.18
  TC_MISMATCH02: (name) => answered(name, 400),
  // §3.1.2.19
  TC_BIGCODE: dropped,
  // The draft's "test": no version, no Via.
  TC_TEST: dropped,
};

// Sections 3.2 to 3.4: for the parser they are requests and responses like others; what is asserted is that the layers
// above are told what they need.
const semantic: Record<string, (name: string) => void> = {
  // §3.2.1: the magic cookie and nothing behind it.
  TC_BADBRANCH: (name) => assert.equal(branch(request(name)), 'z9hG4bK'),
  // §3.3.1: answered as far as possible.
  TC_INSUF: (name) => {
    const { response: answer } = refused(name);
    assert.equal(answer?.status, 400);
    assert.match(answer.reason, /Missing/);
  },
  // §3.3.2
  TC_UNKSCM: (name) => {
    assert.equal(uriScheme(request(name).uri), 'nobodyknowsthisscheme');
    assert.equal(requestUri(request(name)), undefined);
  },
  // §3.3.3
  TC_NOVELSC: (name) => assert.equal(uriScheme(request(name).uri), 'soap.beep'),
  // §3.3.4
  TC_UNKSM2: (name) => {
    assert.equal(to(request(name))?.uri, 'isbn:2983792873');
    assert.equal(contact(request(name))?.uri, 'name:John_Smith');
  },
  // §3.3.5
  TC_BEXT01: (name) => {
    const { headers } = request(name);
    assert.deepEqual(headers.list('require'), ['nothingSupportsThis', 'nothingSupportsThisEither']);
    assert.deepEqual(headers.list('proxy-require'), ['noProxiesSupportThis', 'norDoAnyProxiesSupportThis']);
  },
  // §3.3.6
  TC_INVUT: (name) => assert.equal(request(name).headers.get('content-type'), 'application/unknownformat'),
  // §3.3.7
  TC_REGAUT01: (name) =>
    assert.equal(request(name).headers.get('authorization'), 'NoOneKnowsThisScheme opaque-data=here'),
  // §3.3.8
  TC_MULTI01: (name) => answered(name, 400),
  // §3.3.9
  TC_MCL01: (name) => answered(name, 400),
  // §3.3.10: the second Via names the broadcast address; nothing may be sent there.
  TC_BCAST: (name) =>
    assert.equal(parseVia(response(name).headers.list('via')[1] ?? '')?.host, '255.255.255.255'),
  // §3.3.11
  TC_ZEROMF: (name) => assert.equal(request(name).headers.get('max-forwards'), '0'),
  // §3.3.12: without brackets it is the header's parameter,
  TC_CPARAM01: (name) => {
    assert.ok(contact(request(name))?.parameters.has('unknownparam'));
    assert.equal(contact(request(name))?.uri, 'sip:+19725552222@gw1.example.net');
  },
  // §3.3.13: within them it is the URI's.
  TC_CPARAM02: (name) => {
    assert.equal(contact(request(name))?.parameters.size, 0);
    assert.ok(parseUri(contact(request(name))?.uri ?? '')?.parameters.has('unknownparam'));
  },
  // §3.3.14
  TC_REGESCRT: (name) =>
    assert.equal(parseUri(contact(request(name))?.uri ?? '')?.headers, 'Route=%3Csip:sip.example.com%3E'),
  // §3.3.15
  TC_SDP01: (name) => assert.equal(request(name).headers.get('accept'), 'text/nobodyKnowsThis'),
  // §3.4.1: RFC 2543 has no branch, no Max-Forwards and no tags.
  TC_INV2543: (name) => {
    const r = request(name);
    assert.equal(branch(r), undefined);
    assert.equal(fromTag(r), undefined);
    assert.equal(to(r)?.uri, 'sip:+16505552222@ss1.example.net');
    assert.equal(r.body.length, 105);
  },
};

describe('RFC 4475 torture messages', function () {
  const files = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith('.dat')) : [];
  if (files.length === 0) {
    it(`skipped: no messages in ${folder}`, function () {
      this.skip();
    });
    return;
  }
  const all = { ...valid, ...invalid, ...semantic };
  const plain = (file: string) => file.replace(/(?:_[VI])?\.dat$/, '');

  it(`has a case for every message (${files.length})`, () => {
    assert.deepEqual(files.map(plain).sort(), Object.keys(all).sort());
  });
  for (const [title, cases] of Object.entries({
    '§3.1.1 valid': valid,
    '§3.1.2 invalid': invalid,
    '§3.2 to §3.4': semantic,
  })) {
    describe(title, () => {
      for (const [name, check] of Object.entries(cases)) {
        const file = files.find((f) => plain(f) === name)?.replace(/\.dat$/, '') ?? name;
        it(name, () => check(file));
      }
    });
  }

  it('the framer finds the same messages in a stream, byte by byte', () => {
    const framed = ['TC_WSINV', 'TC_INTMETH', 'TC_MPART01', 'TC_UNREASON_V', 'TC_LONGREQ_V'];
    const stream = Buffer.concat(framed.map(bytesOf));
    const framer = new StreamFramer();
    const seen: string[] = [];
    for (const byte of stream) {
      for (const event of framer.push(Buffer.from([byte]))) {
        assert.equal(event.kind, 'message');
        const result = parseMessage(event.kind === 'message' ? event.bytes : Buffer.alloc(0));
        assert.ok(result.ok);
        seen.push(callId(result.message).split('.')[0] ?? '');
      }
    }
    assert.deepEqual(seen, [
      'wsinv',
      'intmeth',
      '3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA',
      'unreason',
      'longreq',
    ]);
  });
});
