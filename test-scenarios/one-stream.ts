import assert from 'node:assert/strict';
import type { RtpEndpoint } from '../src/testing/index.ts';

/** What moves media where a story does not bring its own: FLIPSWITCH_TEST_MEDIA=rtpengine runs them all on that. */
export const mediaEngine = process.env['FLIPSWITCH_TEST_MEDIA'] === 'rtpengine' ? 'rtpengine' : 'embedded';

/**
 * What an ear heard is one stream, whoever spoke into it: one SSRC, and a sequence without a hole. rtpengine 10 hands on
 * each speaker's own stream, leaves holes where it holds digits back, and forwards an old device until that is taken out
 * (rtpengine/README.md); of that only so much is asked that all the speakers are heard, and nobody else.
 */
export function oneStream(rtp: RtpEndpoint, speakers?: readonly string[]): void {
  const heard = rtp.analyse();
  if (mediaEngine === 'rtpengine') {
    const names = new Set(heard.speakers.filter((name) => name !== '?'));
    if (speakers !== undefined) assert.deepEqual([...names], [...new Set(speakers)]);
    return;
  }
  if (speakers !== undefined) assert.deepEqual(heard.speakers, speakers);
  const { ssrcChanges, sequenceBreaks, missing } = heard;
  assert.deepEqual(
    { ssrcChanges, sequenceBreaks, missing },
    { ssrcChanges: 0, sequenceBreaks: 0, missing: 0 },
  );
}

/** The longest that a busy machine holds everything up; the timestamps of a stream step with it, and are right to. */
const stallMs = 500;

/** The timestamps of a G.711 stream go forward, and never jump: a stream that was begun anew would be anywhere. */
export function steadyTimestamps(rtp: RtpEndpoint): void {
  const audio = rtp.audio();
  for (const [i, packet] of audio.entries()) {
    const before = audio[i - 1];
    if (before === undefined) continue;
    const ms = ((packet.timestamp - before.timestamp) | 0) / 8;
    assert.ok(ms > 0 && ms < stallMs, `a step of ${ms} ms`);
  }
}
