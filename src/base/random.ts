import { randomBytes } from 'node:crypto';

/** Randomness as an argument, so that a test can repeat a run. */
export interface Random {
  /** `bytes` bytes as lower-case hex; unguessable in the default. */
  hex(bytes: number): string;
  /** A float in [0, 1). */
  unit(): number;
}

/** Random bytes are fetched by the page: a tag or branch a message would otherwise cost a call into OpenSSL each. */
let page: Buffer = Buffer.alloc(0);
let used = 0;

const randomHex = (bytes: number): string => {
  if (used + bytes > page.length) {
    page = randomBytes(Math.max(4096, bytes));
    used = 0;
  }
  const text = page.toString('hex', used, used + bytes);
  page.fill(0, used, used + bytes);
  used += bytes;
  return text;
};

export const systemRandom: Random = {
  hex: randomHex,
  unit: () => Math.random(),
};
