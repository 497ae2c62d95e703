import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { Announcements, Bell, parseAnnouncement } from './announcements.ts';
import { legAudio } from './leg-audio.ts';

const datagram = (said: unknown) => new TextEncoder().encode(JSON.stringify(said));

describe('what a media engine tells of its own accord', () => {
  it('reads who is heard, and who fell silent; digits and nonsense are nothing of it', () => {
    const said = { callid: 'c', source_tag: 't', media: 1 };
    assert.deepEqual(parseAnnouncement(datagram({ ...said, type: 'SOURCE' })), {
      kind: 'turned',
      callId: 'c',
      tag: 't',
    });
    assert.equal(parseAnnouncement(datagram({ ...said, type: 'MEDIA_TIMEOUT' }))?.kind, 'silent');
    for (const other of [
      { ...said, type: 'DTMF' },
      { type: 'SOURCE' },
      { ...said, type: 'SOURCE', media: 2 },
      7,
    ])
      assert.equal(parseAnnouncement(datagram(other)), undefined);
    assert.equal(parseAnnouncement(new Uint8Array([1, 2])), undefined);
  });

  it('a bell rung before somebody waits is not missed, and rings once', async () => {
    const clock = new VirtualClock();
    const announcements = new Announcements();
    const bell = new Bell();
    const forget = announcements.whenHeard('c', 't', bell);
    announcements.heard({ kind: 'turned', callId: 'c', tag: 't' });
    const first = bell.wait(clock, 1000);
    clock.advance(0);
    await first;
    let over = false;
    const second = bell.wait(clock, 1000).then(() => (over = true));
    clock.advance(999);
    await Promise.resolve();
    assert.equal(over, false);
    announcements.heard({ kind: 'turned', callId: 'c', tag: 'another' });
    clock.advance(1);
    await second;
    forget();
    assert.equal(announcements.made, true);
  });

  it('figures that an engine does not have are left out', () => {
    const tags = { t: { medias: [{ streams: [{ stats: { packets: 3 } }] }] } };
    assert.deepEqual(legAudio({ result: 'ok', tags }, 't'), { packets: 3, awaited: false });
    const turns = [{ media: 1, to: 't', gap_us: 19_960, missing: 0 }];
    const more = { ...tags, far: { medias: [{ awaits: 't' }] } };
    assert.deepEqual(legAudio({ result: 'ok', tags: more, turns }, 't'), {
      packets: 3,
      awaited: true,
      gapMs: 20,
      lostPackets: 0,
    });
  });
});
