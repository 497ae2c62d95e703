/**
 * The frames of an admin connection, both ways:
 *
 *     <decimal byte length>#<message>
 *
 * The length counts the bytes behind the `#`. There is no terminator: the next frame follows at once.
 */
const HASH = 0x23;
const DIGIT_0 = 0x30;
const MOST_DIGITS = 9;

export type FrameReader = {
  /** Bytes of the largest frame that is taken; may be changed at any time. */
  limit: number;
  /** Gives each frame that these bytes complete, in order; a string says why the stream can not be read any further. */
  push(chunk: Buffer, take: (frame: Buffer) => void): string | undefined;
};

/** Where the length field that begins at `at` ends: at a `#`, or with the data. A string says what is wrong with it. */
const lengthEnd = (data: Buffer, at: number): number | string => {
  for (let i = at; i < data.length; i++) {
    const byte = data[i] as number;
    if (byte === HASH) return i > at ? i : 'no length';
    if (byte < DIGIT_0 || byte > DIGIT_0 + 9) return 'the length is not a number';
    if (i - at >= MOST_DIGITS) return 'the length field is too long';
  }
  return data.length;
};

class Reader implements FrameReader {
  limit: number;
  /** What was received of a frame that is not complete. */
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes that the frame under way needs in all, length field included; 0 while that is unknown. */
  #needed = 0;
  #bad: string | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  push(chunk: Buffer, take: (frame: Buffer) => void): string | undefined {
    if (this.#bad !== undefined) return this.#bad;
    let data = chunk;
    if (this.#held > 0) {
      this.#parts.push(chunk);
      this.#held += chunk.length;
      if (this.#held < this.#needed) return undefined;
      data = Buffer.concat(this.#parts, this.#held);
    }
    return this.#split(data, take);
  }

  #split(data: Buffer, take: (frame: Buffer) => void): string | undefined {
    let at = 0;
    this.#needed = 0;
    while (at < data.length) {
      const start = lengthEnd(data, at);
      if (typeof start === 'string') return this.#stop(start);
      if (start === data.length) break;
      const length = Number(data.toString('latin1', at, start));
      if (length === 0 || length > this.limit) return this.#stop(`a frame of ${length} bytes`);
      const end = start + 1 + length;
      if (end > data.length) {
        this.#needed = end - at;
        break;
      }
      take(data.subarray(start + 1, end));
      at = end;
    }
    const rest = data.subarray(at);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#held = rest.length;
    return undefined;
  }

  #stop(bad: string): string {
    this.#bad = bad;
    this.#parts = [];
    this.#held = 0;
    return bad;
  }
}

/** Reads frames out of a byte stream, however it is cut. Frames share memory with the chunks pushed. */
export const createFrameReader = (maxFrameBytes: number): FrameReader => new Reader(maxFrameBytes);

/** Bytes that frames are gathered in; a longer one gets its own. */
const slabBytes = 65_536;

/** Gathers frames, one behind the other, to be written together. */
export class FrameWriter {
  #slab = Buffer.alloc(0);
  /** Where the frames that have not been taken begin and end. */
  #start = 0;
  #end = 0;
  #full: Buffer[] = [];

  get isEmpty(): boolean {
    return this.#start === this.#end && this.#full.length === 0;
  }

  /** One frame; `body` goes behind the text as it is. */
  add(text: string, body?: Buffer): void {
    const bodyBytes = body === undefined ? 0 : body.length;
    const bytes = Buffer.byteLength(text) + bodyBytes;
    if (this.#end + MOST_DIGITS + 1 + bytes > this.#slab.length) this.#renew(MOST_DIGITS + 1 + bytes);
    const slab = this.#slab;
    let at = this.#end + slab.write(`${bytes}#`, this.#end, 'latin1');
    at += slab.write(text, at, 'utf8');
    if (body !== undefined) slab.set(body, at);
    this.#end = at + bodyBytes;
  }

  /** What was gathered since this was asked last, in order. It is the caller's to keep. */
  take(): readonly Buffer[] {
    const taken = [...this.#full, this.#slab.subarray(this.#start, this.#end)];
    this.#full = [];
    this.#start = this.#end;
    return taken;
  }

  #renew(needed: number): void {
    if (this.#end > this.#start) this.#full.push(this.#slab.subarray(this.#start, this.#end));
    this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, needed));
    this.#start = 0;
    this.#end = 0;
  }
}
