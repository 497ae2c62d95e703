import { randomBytes } from 'node:crypto';

/** Randomness as an argument, so that a test can repeat a run. */
export interface Random {
  /** `bytes` bytes as lower-case hex; unguessable in the default. */
  hex(bytes: number): string;
  /** A float in [0, 1). */
  unit(): number;
}

export const systemRandom: Random = {
  hex: (bytes) => randomBytes(bytes).toString('hex'),
  unit: () => Math.random(),
};
