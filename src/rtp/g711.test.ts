import assert from 'node:assert/strict';
import { ALAW_SILENCE, g711Decode, g711Encode, ULAW_SILENCE, type G711Law } from './index.ts';

const decode = (law: G711Law, ...codes: number[]) => {
  const pcm = new Int16Array(codes.length);
  g711Decode(law, Uint8Array.from(codes), pcm);
  return [...pcm];
};
const encode = (law: G711Law, ...samples: number[]) => {
  const bytes = new Uint8Array(samples.length);
  g711Encode(law, Int16Array.from(samples), bytes);
  return [...bytes];
};

describe('G.711', () => {
  it('has the ends and the middle of ITU-T G.711 tables', () => {
    assert.deepEqual(decode('ulaw', 0x00, 0x80, 0x7f, 0xff), [-32_124, 32_124, 0, 0]);
    assert.deepEqual(decode('alaw', 0xaa, 0x2a, 0xd5, 0x55), [32_256, -32_256, 8, -8]);
    assert.deepEqual(encode('ulaw', 0, 32_767, -32_768), [ULAW_SILENCE, 0x80, 0x00]);
    assert.deepEqual(encode('alaw', 0, 32_767, -32_768), [ALAW_SILENCE, 0xaa, 0x2a]);
  });

  for (const law of ['ulaw', 'alaw'] as const) {
    it(`${law}: every code survives decoding and encoding`, () => {
      for (let code = 0; code < 256; code += 1) {
        if (law === 'ulaw' && code === 0x7f) continue; // minus zero becomes plus zero
        assert.deepEqual(encode(law, ...decode(law, code)), [code]);
      }
    });

    it(`${law}: no sample is off by more than half a step of its segment`, () => {
      for (let sample = -32_000; sample <= 32_000; sample += 1) {
        const [back] = decode(law, ...encode(law, sample));
        assert.ok(
          Math.abs(back! - sample) <= Math.max(16, Math.abs(sample) / 27),
          `${sample} became ${back}`,
        );
      }
    });
  }
});
