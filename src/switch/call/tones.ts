/** One stretch of a tone: frequencies sounding together (none is silence), and how long. */
type Stretch = { readonly hertz: readonly number[]; readonly ms: number };

const sampleRate = 8000;
const amplitude = 6000;
const fadeSamples = 40;

/** A mono 16-bit WAV of some stretches of sound; faded in and out, so that nothing clicks. */
function wav(stretches: readonly Stretch[]): Uint8Array {
  const lengths = stretches.map(({ ms }) => Math.round((ms * sampleRate) / 1000));
  const samples = lengths.reduce((sum, length) => sum + length, 0);
  const file = Buffer.alloc(44 + samples * 2);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(samples * 2, 40);
  let at = 44;
  for (const [i, { hertz }] of stretches.entries()) {
    const length = lengths[i] ?? 0;
    for (let n = 0; n < length; n++, at += 2) {
      const fade = Math.min(1, n / fadeSamples, (length - n) / fadeSamples);
      const level = hertz.reduce((sum, f) => sum + Math.sin((2 * Math.PI * f * n) / sampleRate), 0);
      file.writeInt16LE(Math.round((level / Math.max(1, hertz.length)) * amplitude * fade), at);
    }
  }
  return file;
}

const silence = (ms: number): Stretch => ({ hertz: [], ms });

/** The sounds of the switch itself, as WAV files in memory. `everyMs` repeats one until it is stopped. */
export const tones = {
  /** Ready, or done. */
  beep: { sound: wav([{ hertz: [1000], ms: 150 }]), everyMs: undefined },
  /** Done, to a phone that dialled a code. */
  confirmation: { sound: wav([{ hertz: [1000], ms: 400 }]), everyMs: undefined },
  /** Not possible. */
  error: {
    sound: wav([1, 2, 3].flatMap(() => [{ hertz: [400], ms: 120 }, silence(80)])),
    everyMs: undefined,
  },
  /** The other side rings. */
  ringback: { sound: wav([{ hertz: [425], ms: 1000 }]), everyMs: 4000 },
  /** A forwarded call: press 1 to take it. Two pairs of rising notes, and a rest to press in. */
  question: {
    sound: wav([
      ...[523, 784, 523, 784].flatMap((hertz) => [{ hertz: [hertz], ms: 180 }, silence(40)]),
      silence(1600),
    ]),
    everyMs: undefined,
  },
  /** A mailbox, about to listen: three falling notes, and a rest. */
  greeting: {
    sound: wav([
      ...[784, 659, 523].flatMap((hertz) => [{ hertz: [hertz], ms: 260 }, silence(60)]),
      silence(500),
    ]),
    everyMs: undefined,
  },
  /** Somebody is gone, and may come back. */
  waiting: { sound: wav([{ hertz: [425], ms: 120 }]), everyMs: 5000 },
} as const;

/** For who waits on hold, again and again: four soft notes, and a rest. */
export const holdMusic: Uint8Array = wav([
  ...[392, 494, 587, 494].flatMap((hertz) => [{ hertz: [hertz, hertz / 2], ms: 350 }, silence(50)]),
  silence(2400),
]);

export type Tone = keyof typeof tones;

/** How long it sounds once. */
export const toneMs = (tone: Tone): number => ((tones[tone].sound.length - 44) / 2 / sampleRate) * 1000;
