import type { Kernel, Mapping } from './kernel.ts';

/*
 * io_uring as include/uapi/linux/io_uring.h has it. Both queues lie in memory shared with the kernel: submissions are
 * entries of 64 octets, completions of 16. With DEFER_TASKRUN the kernel does what was asked for only while this thread
 * is inside `enter`, and so touches the program's memory at no other time.
 */
const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_TASKRUN_FLAG = 1 << 9;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const SETUP =
  SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;
const ENTER_GETEVENTS = 1;
const REGISTER_EVENTFD = 4;
const REGISTER_BUFFER_RING = 22;
const OFFSET_RINGS = 0;
const OFFSET_ENTRIES = 0x1000_0000;
const FEATURE_SINGLE_MMAP = 1;
const CQ_EVENTFD_DISABLED = 1;

/** struct io_uring_params, in words of 32 bits. */
const PARAMETER_WORDS = 30;
const AT = { cqEntries: 1, flags: 2, features: 5, sq: 10, cq: 20 } as const;
/** struct io_sqring_offsets and io_cqring_offsets, in words from `AT.sq` and `AT.cq`. */
const SQ = { head: 0, tail: 1, flags: 4, array: 6 } as const;
const CQ = { head: 0, tail: 1, entries: 5, flags: 6 } as const;

export const ENTRY_WORDS = 16;
const ENTRY_OCTETS = 64;
const COMPLETION_WORDS = 4;
const COMPLETION_OCTETS = 16;
const BUFFER_WORDS = 4;
const WORD = 4;

/** What came of an entry: the two words that it was given to be known by, its result, and flags (IORING_CQE_F_…). */
export type Completion = (subject: number, kind: number, result: number, flags: number) => void;

export type RingOptions = {
  /** A power of two: entries that can wait to be handed over. */
  readonly entries: number;
  /** A power of two: completions that can wait to be looked at. */
  readonly completions: number;
  /** The eventfd that is rung when something has come and nobody is looking. */
  readonly doorbell: number;
};

/** A pair of queues with the kernel; belongs to the thread that opened it. */
export class Ring {
  readonly #kernel: Kernel;
  readonly #descriptor: number;
  readonly #size: number;
  /** The entries, `ENTRY_WORDS` each. */
  entries: Uint32Array;
  #words: Int32Array;
  readonly #at: ReturnType<typeof layout>;
  readonly #mappings: readonly Mapping[];
  #tail = 0;
  #submitted = 0;
  #open = true;

  private constructor(kernel: Kernel, descriptor: number, parameters: Uint32Array) {
    this.#kernel = kernel;
    this.#descriptor = descriptor;
    this.#size = parameters[0]!;
    this.#at = layout(parameters);
    const rings = kernel.map(descriptor, OFFSET_RINGS, this.#at.octets);
    const entries = kernel.map(descriptor, OFFSET_ENTRIES, this.#size * ENTRY_OCTETS);
    this.#mappings = [rings, entries];
    this.#words = new Int32Array(rings.memory, 0, this.#at.octets / WORD);
    this.entries = new Uint32Array(entries.memory);
    // Entries are handed over in the order in which they lie.
    for (let i = 0; i < this.#size; i++) this.#words[this.#at.array + i] = i;
  }

  /** Throws where the kernel has no such ring, or does not let this process have one. */
  static open(kernel: Kernel, options: RingOptions): Ring {
    const parameters = new Uint32Array(PARAMETER_WORDS);
    parameters[AT.cqEntries] = options.completions;
    parameters[AT.flags] = SETUP;
    const descriptor = kernel.setup(options.entries, parameters);
    if (descriptor < 0) throw kernel.error('io_uring_setup');
    kernel.closeAtExit(descriptor);
    try {
      if ((parameters[AT.features]! & FEATURE_SINGLE_MMAP) === 0) throw new Error('io_uring is too old');
      const ring = new Ring(kernel, descriptor, parameters);
      ring.#register('eventfd', REGISTER_EVENTFD, Int32Array.of(options.doorbell));
      return ring;
    } catch (error) {
      kernel.forgetAtExit(descriptor);
      kernel.close(descriptor);
      throw error;
    }
  }

  /** Lets the kernel take buffers from a ring of `count` of them at a page's address, for receptions of group 0. */
  provide(address: number, count: number): void {
    const registration = new BigUint64Array(5); // struct io_uring_buf_reg
    registration[0] = BigInt(address);
    registration[1] = BigInt(count);
    this.#register('buffer ring', REGISTER_BUFFER_RING, registration);
  }

  #register(name: string, what: number, argument: ArrayBufferView): void {
    if (this.#kernel.register(this.#descriptor, what, argument, 1) < 0)
      throw this.#kernel.error(`io_uring_register ${name}`);
  }

  /** The place of the next entry, to be filled whole by the caller; -1 where the kernel takes no more. */
  next(): number {
    if (this.waiting >= this.#size) this.submit();
    if (this.waiting >= this.#size) return -1;
    const place = this.#tail & (this.#size - 1);
    this.#tail = (this.#tail + 1) | 0;
    return place;
  }

  /** Entries that were not handed over yet. */
  get waiting(): number {
    return (this.#tail - this.#submitted) >>> 0;
  }

  /** Hands over what waits; nothing is received meanwhile but by receptions that begin with it. */
  submit(): void {
    this.#enter(0);
  }

  /** Hands over what waits, and has the kernel do what is due. */
  turn(): void {
    this.#enter(ENTER_GETEVENTS);
  }

  #enter(flags: number): void {
    const words = this.#words;
    Atomics.store(words, this.#at.sqTail, this.#tail);
    // An error says nothing that the heads of the queues do not: what was not taken is handed over the next time.
    this.#kernel.enter(this.#descriptor, this.waiting, flags);
    this.#submitted = Atomics.load(words, this.#at.sqHead);
  }

  /** Whether the kernel has something to do or to tell. */
  get due(): boolean {
    const words = this.#words;
    return (
      Atomics.load(words, this.#at.sqFlags) !== 0 ||
      Atomics.load(words, this.#at.cqTail) !== words[this.#at.cqHead]
    );
  }

  /** Whether the doorbell rings when something comes. */
  set quiet(quiet: boolean) {
    Atomics.store(this.#words, this.#at.cqFlags, quiet ? CQ_EVENTFD_DISABLED : 0);
  }

  /** Takes what has completed, and says how much that was. A completion that throws is taken nevertheless. */
  complete(completion: Completion): number {
    const words = this.#words;
    const { cqHead, cqTail, cqMask, completions } = this.#at;
    const tail = Atomics.load(words, cqTail);
    let head = words[cqHead]!;
    const count = (tail - head) | 0;
    while (head !== tail) {
      const at = completions + (head & cqMask) * COMPLETION_WORDS;
      const subject = words[at]!;
      const kind = words[at + 1]!;
      const result = words[at + 2]!;
      const flags = words[at + 3]!;
      head = (head + 1) | 0;
      Atomics.store(words, cqHead, head);
      completion(subject, kind, result, flags);
    }
    return count;
  }

  /** Ends it. Nothing may be under way in it any more. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // Nobody reads or writes any more where nothing is mapped.
    this.#words = new Int32Array(0);
    this.entries = new Uint32Array(0);
    for (const mapping of this.#mappings) mapping.unmap();
    this.#kernel.forgetAtExit(this.#descriptor);
    this.#kernel.close(this.#descriptor);
  }
}

/** Where things lie in the memory of the two queues, in words. */
const layout = (parameters: Uint32Array) => {
  const sq = (field: number) => parameters[AT.sq + field]! / WORD;
  const cq = (field: number) => parameters[AT.cq + field]! / WORD;
  const completions = parameters[AT.cqEntries]!;
  const end = Math.max(
    parameters[AT.sq + SQ.array]! + parameters[0]! * WORD,
    parameters[AT.cq + CQ.entries]! + completions * COMPLETION_OCTETS,
  );
  return {
    sqHead: sq(SQ.head),
    sqTail: sq(SQ.tail),
    sqFlags: sq(SQ.flags),
    array: sq(SQ.array),
    cqHead: cq(CQ.head),
    cqTail: cq(CQ.tail),
    cqFlags: cq(CQ.flags),
    cqMask: completions - 1,
    completions: cq(CQ.entries),
    octets: end,
  };
};

const PAGE = 4096;
const LOW = 0x1_0000_0000;

/**
 * Buffers of one size that the kernel fills (struct io_uring_buf_ring), in one piece of memory. A buffer belongs to the
 * kernel until it completes a reception, and again once it was given back.
 */
export class BufferRing {
  readonly memory: ArrayBuffer;
  readonly size: number;
  readonly #count: number;
  /** The address of the first buffer, and where it lies in `memory`. */
  readonly address: number;
  readonly offset: number;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  #tail = 0;

  /** `count` is a power of two. */
  constructor(kernel: Kernel, ring: Ring, count: number, size: number) {
    this.#count = count;
    this.size = size;
    const octets = Math.ceil((count * BUFFER_WORDS * WORD) / PAGE) * PAGE;
    this.memory = new ArrayBuffer(PAGE + octets + count * size);
    const base = kernel.address(this.memory);
    const start = (PAGE - (base % PAGE)) % PAGE;
    this.#words = new Uint32Array(this.memory, start, count * BUFFER_WORDS);
    this.#halves = new Uint16Array(this.memory, start, count * BUFFER_WORDS * 2);
    this.offset = start + octets;
    this.address = base + this.offset;
    for (let id = 0; id < count; id++) this.give(id);
    this.publish();
    ring.provide(base + start, count);
  }

  /** Gives a buffer back; the kernel sees it after `publish`. */
  give(id: number): void {
    const at = (this.#tail & (this.#count - 1)) * BUFFER_WORDS;
    const address = this.address + id * this.size;
    this.#words[at] = address % LOW;
    this.#words[at + 1] = address / LOW;
    this.#words[at + 2] = this.size;
    this.#halves[2 * at + 6] = id;
    this.#tail = (this.#tail + 1) & 0xffff;
  }

  /** The kernel looks at the tail in `enter` only, which orders it behind the entries. */
  publish(): void {
    this.#halves[7] = this.#tail;
  }
}
