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

/** One frame; `body` is appended verbatim to the text. */
export const printFrame = (text: string, body?: Buffer): Buffer | string => {
  const textBytes = Buffer.byteLength(text);
  if (body === undefined || body.length === 0) return `${textBytes}#${text}`;
  const prefix = `${textBytes + body.length}#`;
  const frame = Buffer.allocUnsafe(prefix.length + textBytes + body.length);
  frame.write(prefix, 0, 'latin1');
  frame.write(text, prefix.length, 'utf8');
  body.copy(frame, prefix.length + textBytes);
  return frame;
};
