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
