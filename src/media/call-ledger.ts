const SLOT = 256;
const LENGTH = 1;
const LONGEST = SLOT - LENGTH;
const SLOTS = 16_384;

/**
 * The ids of the calls that a thread has, in memory that outlives the thread: whoever started it reads there what is lost
 * when it dies. Ids of more than 255 octets and calls beyond the 16,384th are not noted.
 */
export class CallLedger {
  /** To be handed to the thread that writes. */
  readonly shared: SharedArrayBuffer;
  readonly #bytes: Buffer;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  /** Slots from here on have never been used by this writer. */
  #fresh = 0;

  constructor(shared = new SharedArrayBuffer(SLOT * SLOTS)) {
    this.shared = shared;
    this.#bytes = Buffer.from(shared);
  }

  add(call: string): void {
    const length = Buffer.byteLength(call);
    if (length === 0 || length > LONGEST || this.#slots.has(call)) return;
    const slot = this.#free.pop() ?? (this.#fresh < SLOTS ? this.#fresh++ : undefined);
    if (slot === undefined) return;
    this.#slots.set(call, slot);
    this.#bytes.write(call, slot * SLOT + LENGTH);
    this.#bytes[slot * SLOT] = length;
  }

  delete(call: string): void {
    const slot = this.#slots.get(call);
    if (slot === undefined) return;
    this.#slots.delete(call);
    this.#bytes[slot * SLOT] = 0;
    this.#free.push(slot);
  }

  /** Takes out what another wrote, and leaves the memory empty for the next. */
  take(): string[] {
    const calls: string[] = [];
    for (let at = 0; at < this.#bytes.length; at += SLOT) {
      const length = this.#bytes[at]!;
      if (length > 0) calls.push(this.#bytes.toString('utf8', at + LENGTH, at + LENGTH + length));
      this.#bytes[at] = 0;
    }
    return calls;
  }
}
