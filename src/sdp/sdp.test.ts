import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  attribute,
  codecLines,
  codecsOf,
  connectionOf,
  directionOf,
  hasRtcpMux,
  isHeld,
  packetTimeOf,
  parseSdp,
  printSdp,
  receives,
  rtcpPortOf,
  sameCodec,
  sends,
  withConnection,
  withDirection,
  withPort,
  withVersion,
} from './index.ts';

const text = [
  'v=0',
  'o=ada 7 8 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  'b=AS:84',
  't=0 0',
  'a=x-session:1',
  'm=audio 4000 RTP/AVP 8 0 111 101',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 useinbandfec=1',
  'a=x-unknown',
  'a=rtpmap:101 telephone-event/8000',
  'a=ptime:30',
  'a=sendonly',
  'a=rtcp:4009',
  'a=rtcp-mux',
  'm=video 5000/2 RTP/SAVP 96',
  'i=camera',
  'c=IN IP6 2001:db8::1',
  'a=rtpmap:96 H264/90000',
  'm=application 0 UDP/BFCP *',
  '',
].join('\r\n');

describe('sdp: documents (RFC 8866)', () => {
  const sdp = parseSdp(text)!;
  const [audio, video, bfcp] = [sdp.media[0]!, sdp.media[1]!, sdp.media[2]!];

  it('prints what it read, unknown lines and all, in order', () => {
    assert.equal(printSdp(sdp), text);
    assert.equal(printSdp(parseSdp(text.replaceAll('\r\n', '\n'))!), text);
  });

  it('tells what a media description says, with the session level behind it', () => {
    assert.deepEqual([audio.kind, audio.port, audio.protocol], ['audio', 4000, 'RTP/AVP']);
    assert.deepEqual([video.ports, bfcp.port, bfcp.formats], [2, 0, ['*']]);
    assert.deepEqual(connectionOf(sdp, audio), { family: 'IP4', address: '192.0.2.1' });
    assert.deepEqual(connectionOf(sdp, video), { family: 'IP6', address: '2001:db8::1' });
    assert.deepEqual([directionOf(sdp, audio), directionOf(sdp, video)], ['sendonly', 'sendrecv']);
    assert.deepEqual([rtcpPortOf(audio), rtcpPortOf(video)], [4009, 5001]);
    assert.deepEqual([hasRtcpMux(audio), hasRtcpMux(video), packetTimeOf(audio)], [true, false, 30]);
    assert.equal(attribute(sdp, video, 'x-session'), '1');
    assert.equal(attribute(sdp, audio, 'x-unknown'), '');
  });

  it('knows codecs by a=rtpmap and by RFC 3551', () => {
    const codecs = codecsOf(audio);
    assert.deepEqual(
      codecs.map((c) => `${c.payloadType} ${c.name}/${c.clockRate}/${c.channels}`),
      ['8 PCMA/8000/1', '0 PCMU/8000/1', '111 opus/48000/2', '101 telephone-event/8000/1'],
    );
    assert.equal(codecs[2]!.parameters, 'useinbandfec=1');
    assert.ok(sameCodec(codecs[2]!, { ...codecs[2]!, payloadType: 96, name: 'OPUS' }));
    assert.ok(!sameCodec(codecs[0]!, codecs[1]!));
    assert.deepEqual(
      codecLines(codecs.slice(2, 3)).map((l) => l.value),
      ['rtpmap:111 opus/48000/2', 'fmtp:111 useinbandfec=1'],
    );
  });

  it('knows both ways to say hold (RFC 3264 §8.4)', () => {
    assert.ok(isHeld(sdp, audio));
    assert.ok(!isHeld(sdp, video));
    const old = parseSdp(
      text.replace('IP4 192.0.2.1\r\nb', 'IP4 0.0.0.0\r\nb').replace('a=sendonly', 'a=sendrecv'),
    )!;
    assert.ok(isHeld(old, old.media[0]!));
    assert.deepEqual([sends('sendonly'), receives('sendonly'), receives('recvonly')], [true, false, true]);
  });

  it('puts an address at both levels, and where there was none', () => {
    const moved = withConnection(sdp, { family: 'IP4', address: '127.0.0.1' });
    assert.equal(printSdp(moved).match(/c=IN IP4 127\.0\.0\.1/g)?.length, 2);
    const bare = parseSdp('v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\ni=x\r\na=y\r\n')!;
    const added = withConnection(bare, { family: 'IP6', address: '::1' });
    assert.equal(printSdp(added), 'v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\ni=x\r\nc=IN IP6 ::1\r\na=y\r\n');
  });

  it('changes port, direction and version', () => {
    assert.equal(withPort(video, 6000).port, 6000);
    const held = withDirection(sdp, 'inactive');
    assert.ok(held.media.every((m) => directionOf(held, m) === 'inactive'));
    assert.match(printSdp(withVersion(sdp, 9)), /o=ada 7 9 IN IP4/);
  });

  it('refuses what is no description', () => {
    for (const bad of [
      '',
      'foo',
      's=-\r\n',
      'v=0\r\nm=audio\r\n',
      'v=0\r\nm=audio x RTP/AVP 0\r\n',
      'v=0\r\nm=audio 70000 RTP/AVP 0\r\n',
      'v=0\r\n=\r\n',
    ])
      assert.equal(parseSdp(bad), undefined, bad);
    assert.equal(parseSdp(`v=0\r\n${'m=audio 1 RTP/AVP 0\r\n'.repeat(65)}`), undefined);
    assert.equal(parseSdp(`v=0\r\ns=${'x'.repeat(70_000)}`), undefined);
  });

  it('never throws: any text, any description with damage in it', () => {
    const look = (anything: string) => {
      const parsed = parseSdp(anything);
      if (parsed === undefined) return;
      printSdp(
        withDirection(withVersion(withConnection(parsed, { family: 'IP4', address: 'x' }), 3), 'inactive'),
      );
      for (const media of parsed.media) {
        codecLines(codecsOf(media));
        [connectionOf(parsed, media), directionOf(parsed, media), rtcpPortOf(media), packetTimeOf(media)].map(
          String,
        );
        isHeld(parsed, media);
      }
      assert.deepEqual(parseSdp(printSdp(parsed)), parsed);
    };
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), look), { numRuns: 1000 });
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ maxLength: 5 }), fc.nat(20), (at, put, cut) =>
        look(text.slice(0, at) + put + text.slice(at + cut)),
      ),
      { numRuns: 2000 },
    );
  });
});
