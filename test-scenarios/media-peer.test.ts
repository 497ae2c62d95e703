import assert from 'node:assert/strict';
import { ngDictionary, ngText, type NgClient, type NgDictionary } from '../src/ng/index.ts';
import { needRtpengine, Rtpengine } from '../src/testing/index.ts';
import { MediaKit } from './media-kit.ts';

/**
 * Ports as letters in the order in which they come, so that two engines can be compared; the port after a named one is
 * its `+1`. Parity says nothing: rtpengine gives a line with rtcp-mux any single port, an odd one too.
 */
function withoutPorts(sdp: string): string {
  const names = new Map<number, string>();
  let letters = 0;
  // It ends a line of its own with LF alone where it adds c= to what it leaves as it is.
  return sdp.replaceAll(/\r?\n/g, '\r\n').replaceAll(/(?<=^m=\w+ |^a=rtcp:)[1-9]\d*/gm, (text) => {
    const port = Number(text);
    const base = names.get(port - 1);
    const name =
      names.get(port) ??
      (base === undefined || base.endsWith('+1') ? String.fromCodePoint(65 + letters++) : `${base}+1`);
    names.set(port, name);
    return name;
  });
}

const audio = (port: number, more: readonly string[] = [], formats = '0 8 101') =>
  [
    'v=0',
    'o=- 1545997027 1 IN IP4 198.51.100.1',
    's=tester',
    't=0 0',
    `m=audio ${port} RTP/AVP ${formats}`,
    'c=IN IP4 198.51.100.1',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    ...more,
    '',
  ].join('\r\n');

/** With a line for video above the one for audio, as some phones order them. */
const withVideo = (sdp: string, port: number) =>
  sdp.replace(
    'm=audio',
    [`m=video ${port} RTP/AVP 99`, 'c=IN IP4 198.51.100.1', 'a=rtpmap:99 VP8/90000', 'm=audio'].join('\r\n'),
  );

const session = audio(3000)
  .replace('c=IN IP4 198.51.100.1\r\n', '')
  .replace('t=0 0', 'c=IN IP4 198.51.100.1\r\nt=0 0');
const ids = { 'from-tag': 'c' };
const to = { ...ids, 'to-tag': 'a' };
const plain = { 'transport-protocol': 'RTP/AVP', ICE: 'remove', flags: ['port-latching'] };

type Step = readonly [command: string, body: NgDictionary];
const stories: Readonly<Record<string, readonly Step[]>> = {
  'offer and answer': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '8 101') }],
  ],
  'c= at session level': [
    ['offer', { ...ids, ...plain, sdp: session }],
    ['answer', { ...to, ...plain, sdp: session }],
  ],
  'origin replaced': [['offer', { ...ids, ...plain, replace: ['origin'], sdp: session }]],
  'hold, and resume': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
    ['offer', { ...to, ...plain, sdp: audio(3000, ['a=sendonly']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=recvonly']) }],
    ['offer', { ...to, ...plain, sdp: audio(3000, ['a=sendrecv']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=sendrecv']) }],
  ],
  'no a=rtcp': [['offer', { ...ids, ...plain, flags: ['no-rtcp-attribute'], sdp: audio(3000) }]],
  'rtcp-mux offered and taken': [
    ['offer', { ...ids, ...plain, 'rtcp-mux': ['offer'], sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=rtcp-mux']) }],
  ],
  'rtcp-mux on both sides': [
    ['offer', { ...ids, ...plain, sdp: audio(3000, ['a=rtcp-mux']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=rtcp-mux']) }],
  ],
  'rtcp-mux taken away': [
    ['offer', { ...ids, ...plain, 'rtcp-mux': ['demux'], sdp: audio(3000, ['a=rtcp-mux']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
  ],
  'a codec stripped': [['offer', { ...ids, ...plain, codec: { strip: ['PCMU'] }, sdp: audio(3000) }]],
  'transcoding to what is not offered': [
    ['offer', { ...ids, ...plain, codec: { transcode: ['G722'] }, sdp: audio(3000, [], '0 101') }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '9 101') }],
  ],
  'unknown attributes kept': [
    [
      'offer',
      { ...ids, ...plain, sdp: audio(3000, ['a=ptime:20', 'a=x-made-up:1', 'a=silenceSupp:off - - - -']) },
    ],
  ],
  'a second line refused': [
    [
      'offer',
      {
        ...ids,
        ...plain,
        sdp: `${audio(3000)}m=video 3004 RTP/AVP 99\r\nc=IN IP4 198.51.100.1\r\na=rtpmap:99 VP8/90000\r\n`,
      },
    ],
    ['answer', { ...to, ...plain, sdp: `${audio(3002)}m=video 0 RTP/AVP 99\r\nc=IN IP4 198.51.100.1\r\n` }],
  ],
  'video before audio': [
    [
      'offer',
      {
        ...ids,
        ...plain,
        sdp: withVideo(audio(3000), 3004),
      },
    ],
    ['answer', { ...to, ...plain, sdp: withVideo(audio(3002), 3006) }],
  ],
  'video before audio, refused': [
    ['offer', { ...ids, ...plain, sdp: withVideo(audio(3000), 3004) }],
    ['answer', { ...to, ...plain, sdp: withVideo(audio(3002), 0) }],
  ],
  'hold by the null address of old phones (RFC 3264 §8.4), and resume': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
    ['offer', { ...to, ...plain, sdp: audio(3000).replace('c=IN IP4 198.51.100.1', 'c=IN IP4 0.0.0.0') }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=recvonly']) }],
    ['offer', { ...to, ...plain, sdp: audio(3000) }],
  ],
  'hold by null address at session level': [
    ['offer', { ...ids, ...plain, sdp: session.replace('c=IN IP4 198.51.100.1', 'c=IN IP4 0.0.0.0') }],
  ],
  'null address replaced': [
    [
      'offer',
      {
        ...ids,
        ...plain,
        replace: ['zero-address'],
        sdp: audio(3000).replace('c=IN IP4 198.51.100.1', 'c=IN IP4 0.0.0.0'),
      },
    ],
  ],
  'events before speech': [['offer', { ...ids, ...plain, sdp: audio(3000, [], '101 8 0') }]],
  'transcoding to a codec of another clock: it gets events of its own': [
    ['offer', { ...ids, ...plain, codec: { transcode: ['opus/48000/2'] }, sdp: audio(3000, [], '0 101') }],
  ],
  'one codec of several': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, flags: ['port-latching', 'single-codec'], sdp: audio(3002) }],
  ],
  'packets of another length': [
    ['offer', { ...ids, ...plain, ptime: 30, 'ptime-reverse': 20, sdp: audio(3000, ['a=ptime:50']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=ptime:40']) }],
  ],
  'a packet time that only the offer names': [
    ['offer', { ...ids, ...plain, sdp: audio(3000, ['a=ptime:30']) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
  ],
  'a codec accepted whatever is answered': [
    ['offer', { ...ids, ...plain, codec: { accept: ['PCMU'] }, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '8 101') }],
  ],
  'a codec consumed': [
    ['offer', { ...ids, ...plain, codec: { consume: ['PCMU'] }, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '8 101') }],
  ],
  'every codec accepted': [
    ['offer', { ...ids, ...plain, flags: ['always transcode'], sdp: audio(3000, [], '0 13 101') }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '0') }],
  ],
  'another order of codecs': [
    [
      'offer',
      { ...ids, ...plain, codec: { strip: ['all'], offer: ['PCMA', 'PCMU'] }, sdp: audio(3000, [], '0 8') },
    ],
  ],
  'all codecs stripped but one': [
    ['offer', { ...ids, ...plain, codec: { strip: ['all'], except: ['PCMA'] }, sdp: audio(3000, [], '0 8') }],
  ],
  'no codec left': [['offer', { ...ids, ...plain, codec: { strip: ['all'] }, sdp: audio(3000, [], '0 8') }]],
  'comfort noise added': [
    ['offer', { ...ids, ...plain, codec: { transcode: ['CN'] }, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '0 13 101') }],
  ],
  'telephone events added': [
    ['offer', { ...ids, ...plain, codec: { transcode: ['telephone-event'] }, sdp: audio(3000, [], '0') }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '0 101') }],
  ],
  'an added codec answered behind a shared one': [
    ['offer', { ...ids, ...plain, codec: { transcode: ['G722'] }, sdp: audio(3000, [], '8 0') }],
    ['answer', { ...to, ...plain, sdp: audio(3002, [], '0 9') }],
  ],
  'header extensions stripped': [
    ['offer', { ...ids, flags: ['strip-extmap'], sdp: audio(3000, ['a=extmap:1 urn:x', 'a=ptime:20']) }],
  ],
  'what does not go over UDP': [
    ['offer', { ...ids, ...plain, sdp: `${session}m=message 28000 TCP/MSRP *\r\na=setup:active\r\n` }],
  ],
  'what is refused': [
    ['offer', { ...ids }],
    ['offer', { ...ids, sdp: 'foo' }],
    ['offer', { sdp: audio(3000) }],
    ['answer', { ...ids, sdp: audio(3000) }],
    ['answer', { ...to, sdp: audio(3000) }],
    ['query', {}],
    ['delete', { ...ids }],
    ['delete', { ...ids, flags: ['fatal'] }],
    ['nonsense', {}],
    ['block media', {}],
    ['play media', { ...ids }],
    ['start recording', {}],
  ],
  'what is refused of subscriptions': [
    ['subscribe request', { ...ids }],
    ['subscribe answer', { 'to-tag': 'x', sdp: audio(3000) }],
    ['unsubscribe', { 'to-tag': 'x' }],
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
    ['subscribe request', {}],
    ['subscribe request', { 'from-tag': 'x' }],
    ['subscribe request', { label: 'x' }],
  ],
  'one party is listened to': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002, ['a=recvonly']) }],
    ['subscribe request', { ...ids, 'to-tag': 's' }],
    ['subscribe request', { 'from-tag': 'a', 'to-tag': 't' }],
  ],
  'what is refused in a call': [
    ['offer', { ...ids, ...plain, sdp: audio(3000) }],
    ['answer', { ...to, ...plain, sdp: audio(3002) }],
    ['block media', { 'from-tag': 'x' }],
    ['play media', {}],
    ['play media', { ...ids }],
    ['play media', { ...ids, file: '/nowhere.wav' }],
    ['stop media', {}],
    ['play DTMF', { ...ids, code: '99' }],
    ['play DTMF', { code: '1' }],
    ['block DTMF', { ...ids }],
    ['unblock DTMF', { ...ids }],
    ['silence media', {}],
    ['unsilence media', {}],
  ],
};

/** Ways to delete the old device after a flip, or the call. */
const deletions: Readonly<Record<string, NgDictionary>> = {
  'from-tag a': { 'from-tag': 'a' },
  'from-tag c, via-branch of a': { 'from-tag': 'c', 'via-branch': 'va' },
  'from-tag c, to-tag a': { 'from-tag': 'c', 'to-tag': 'a' },
  'from-tag c': { 'from-tag': 'c' },
  'no tag': {},
};

describe('media: the embedded relay beside rtpengine, command by command', () => {
  let peer: Rtpengine;
  let theirs: NgClient;
  let kit: MediaKit;
  before(async function () {
    needRtpengine(this);
    peer = await Rtpengine.start();
    theirs = peer.client();
    kit = await MediaKit.start();
  });
  after(async () => {
    await kit?.close();
    await theirs?.close();
    await peer?.close();
  });

  const told = (reply: NgDictionary) => ({
    result: reply['result'],
    reason: reply['error-reason'],
    warning: reply['warning'],
    sdp: withoutPorts(ngText(reply, 'sdp') ?? ''),
  });

  for (const [title, steps] of Object.entries(stories))
    it(`M-07 says the same: ${title}`, async () => {
      for (const [command, body] of steps) {
        const request = { 'call-id': title, ...body };
        const expected = told(await theirs.request(command, request));
        assert.deepEqual(
          told(await kit.client.request(command, request)),
          expected,
          `${command} ${JSON.stringify(body)}`,
        );
      }
    });

  for (const [title, request] of Object.entries(deletions))
    it(`M-07 removes the same after a flip: delete by ${title}`, async () => {
      const id = `delete ${title}`;
      const goesOn = async (client: NgClient) => {
        const sides = { 'call-id': id, ...ids, ...plain };
        for (const [tag, branch] of [
          ['a', 'va'],
          ['b', 'vb'],
        ] as const) {
          await client.request('offer', { ...sides, 'via-branch': branch, sdp: audio(3000) });
          await client.request('answer', { ...sides, 'via-branch': branch, 'to-tag': tag, sdp: audio(3002) });
        }
        await client.request('delete', { 'call-id': id, 'delete-delay': 0, ...request });
        return (await client.request('query', { 'call-id': id }))['result'] === 'ok';
      };
      const expected = await goesOn(theirs);
      assert.equal(await goesOn(kit.client), expected);
      if (!expected) return;
      const tags = ngDictionary(await kit.ok('query', { 'call-id': id }), 'tags');
      assert.deepEqual(Object.keys(tags).sort(), ['b', 'c']);
    });
});
