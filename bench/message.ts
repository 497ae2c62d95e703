/**
 * What one SIP message costs: microseconds to read, print and build, for the messages of a call. No network.
 *
 * npm run bench -- message [--seconds 1]
 */
import { parseArgs } from 'node:util';
import {
  createRequest,
  createResponse,
  parseMessage,
  printMessage,
  printVia,
  setToTag,
  StreamFramer,
  topVia,
  type SipMessage,
  type SipRequest,
} from '../src/sip/message/index.ts';
import { table, type Row } from './lib/table.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '1' } } });
const milliseconds = 1000 * Number(values.seconds);

const sdp = [
  'v=0',
  'o=- 3849 1 IN IP4 192.0.2.7',
  's=-',
  'c=IN IP4 192.0.2.7',
  't=0 0',
  'm=audio 40000 RTP/AVP 0 8 9 101',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=ptime:20',
  'a=sendrecv',
  '',
].join('\r\n');

const dialog = (method: string, to: string) => [
  'Via: SIP/2.0/UDP 192.0.2.7:5061;branch=z9hG4bK-524287-1---8a4b3c2d1e0f;rport',
  'Max-Forwards: 70',
  'Contact: <sip:1001@192.0.2.7:5061>',
  `To: ${to}`,
  'From: "Desk phone" <sip:1001@pbx.example>;tag=8cd1d137',
  'Call-ID: 9Yx0VbQwZkzQ0J2N8hO4kA..',
  `CSeq: 2 ${method}`,
  'User-Agent: Bench 1.0',
];

const message = (start: string, lines: readonly string[], body = ''): Buffer =>
  Buffer.from(`${[start, ...lines, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`);

const wire = {
  INVITE: message(
    'INVITE sip:200@pbx.example SIP/2.0',
    [
      ...dialog('INVITE', '<sip:200@pbx.example>'),
      'Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE',
      'Supported: replaces, norefersub, timer',
      'Content-Type: application/sdp',
    ],
    sdp,
  ),
  '200': message(
    'SIP/2.0 200 OK',
    [...dialog('INVITE', '<sip:200@pbx.example>;tag=as5f'), 'Content-Type: application/sdp'],
    sdp,
  ),
  BYE: message('BYE sip:200@192.0.2.9:5060 SIP/2.0', dialog('BYE', '<sip:200@pbx.example>;tag=as5f')),
};

const read = (bytes: Buffer): SipMessage => {
  const result = parseMessage(bytes);
  if (!result.ok) throw new Error(result.failure.reason);
  return result.message;
};

/** What a transport does to each request: `received` and `rport` into the top Via (RFC 3581). */
const stamped = (bytes: Buffer): Buffer => {
  const got = read(bytes);
  const via = topVia(got);
  if (via === undefined) throw new Error('no Via');
  const parameters = new Map([...via.parameters, ['received', '198.51.100.1'], ['rport', '40123']] as const);
  got.headers.set('Via', printVia({ ...via, parameters }));
  return printMessage(got);
};

const invite = read(wire.INVITE) as SipRequest;
const fields = [...invite.headers];

const answer = (): Buffer => {
  const response = createResponse(invite, 180);
  setToTag(response, 'as5f');
  return printMessage(response);
};

const stream = Buffer.concat(Object.values(wire));

const subjects: readonly (readonly [string, () => unknown])[] = [
  ...Object.entries(wire).flatMap(([name, bytes]): [string, () => unknown][] => [
    [`${name} (${bytes.length} bytes): parse`, () => read(bytes)],
    [`${name}: parse and print untouched`, () => printMessage(read(bytes))],
    [`${name}: parse, stamp Via, print`, () => stamped(bytes)],
  ]),
  ['180 from an INVITE: create and print', answer],
  [
    'INVITE from fields: create and print',
    () => printMessage(createRequest('INVITE', invite.uri, fields, invite.body)),
  ],
  ['three messages out of a stream', () => new StreamFramer().push(stream)],
];

/** Runs for the given time and gives the mean in microseconds. */
const measure = (action: () => unknown, ms: number): number => {
  let runs = 0;
  let kept: unknown;
  const began = performance.now();
  let now = began;
  while (now - began < ms) {
    for (let i = 0; i < 200; i++) kept = action();
    runs += 200;
    now = performance.now();
  }
  if (kept === undefined) throw new Error('nothing was measured');
  return (1000 * (now - began)) / runs;
};

const rows: Row[] = subjects.map(([what, action]) => {
  measure(action, milliseconds / 5);
  const us = measure(action, milliseconds);
  return { what, µs: us, 'a second': Math.round(1e6 / us) };
});
console.log(table(rows));
