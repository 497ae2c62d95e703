/**
 * Power of `frequency` in `count` samples of `pcm` from `from` (Goertzel's recurrence), as the mean square of that
 * sine: a sine of amplitude A gives A²/2. Allocates nothing.
 */
export function goertzelPower(
  pcm: Int16Array,
  span: Readonly<{ from: number; count: number }>,
  frequency: number,
  sampleRate: number,
): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequency) / sampleRate);
  const end = span.from + span.count;
  let one = 0;
  let two = 0;
  for (let i = span.from; i < end; i += 1) {
    const next = pcm[i]! + coefficient * one - two;
    two = one;
    one = next;
  }
  const square = one * one + two * two - coefficient * one * two;
  return (2 * square) / (span.count * span.count);
}

/** Mean square of `count` samples of `pcm` from `from`. */
export function meanSquare(pcm: Int16Array, from: number, count: number): number {
  let sum = 0;
  for (let i = from; i < from + count; i += 1) sum += pcm[i]! * pcm[i]!;
  return count === 0 ? 0 : sum / count;
}
