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
const SETUP_NO_MMAP = 1 << 14;
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
const SQ = { head: 0, tail: 1, flags: 4, array: 6, address: 8 } as const;
const CQ = { head: 0, tail: 1, entries: 5, flags: 6, address: 8 } as const;

export const ENTRY_WORDS = 16;
const ENTRY_OCTETS = 64;
const COMPLETION_WORDS = 4;
const COMPLETION_OCTETS = 16;
const BUFFER_WORDS = 4;
const WORD = 4;
const PAGE = 4096;
const LOW = 0x1_0000_0000;

/** What came of an entry: the two words that it was given to be known by, its result, and flags (IORING_CQE_F_…). */
export type Completion = (subject: number, kind: number, result: number, flags: number) => void;

export type RingOptions = {
  /** A power of two: entries that can wait to be handed over. */
  readonly entries: number;
  /** A power of two: completions that can wait to be looked at. */
  readonly completions: number;
  /** The eventfd that is rung when something has come and nobody is looking. */
  readonly doorbell: number;
  /** Takes memory of the kernel's for the queues, as kernels before 6.10 want it. */
  readonly mapped?: boolean;
};

type Opened = {
  readonly descriptor: number;
  readonly parameters: Uint32Array;
  /** Of the two queues, and of the entries. */
  readonly memory: readonly Mapping[];
  /** Whether that is the kernel's, which holds the ring for as long as it is mapped. */
  readonly mapped: boolean;
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
  readonly #mappings: Mapping[];
  #tail = 0;
  #submitted = 0;
  #open = true;
  readonly #close = () => this.close();

  private constructor(kernel: Kernel, { descriptor, parameters, memory }: Opened) {
    this.#kernel = kernel;
    this.#descriptor = descriptor;
    this.#size = parameters[0]!;
    this.#at = layout(parameters);
    this.#words = new Int32Array(memory[0]!.memory);
    this.entries = new Uint32Array(memory[1]!.memory);
    this.#mappings = [...memory];
    // Entries are handed over in the order in which they lie.
    for (let i = 0; i < this.#size; i++) this.#words[this.#at.array + i] = i;
  }

  /** Throws where the kernel has no such ring, or does not let this process have one. */
  static open(kernel: Kernel, options: RingOptions): Ring {
    const opened = openQueues(kernel, options);
    const { descriptor } = opened;
    kernel.closeAtExit(descriptor);
    const ring = new Ring(kernel, opened);
    if (opened.mapped) process.once('exit', ring.#close);
    try {
      ring.#register('eventfd', REGISTER_EVENTFD, Int32Array.of(options.doorbell));
      return ring;
    } catch (error) {
      ring.close();
      throw error;
    }
  }

  /** A ring of `count` entries in which the kernel finds buffers for receptions of group 0. */
  provide(count: number): Mapping {
    const mapping = this.#kernel.map(pages(count * BUFFER_WORDS * WORD));
    this.#mappings.push(mapping);
    const registration = new Uint32Array(10); // struct io_uring_buf_reg
    writeAddress(registration, 0, mapping.address);
    registration[2] = count;
    this.#register('buffer ring', REGISTER_BUFFER_RING, registration);
    return mapping;
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

  /** Whether something has completed that was not taken yet. */
  get completed(): boolean {
    return Atomics.load(this.#words, this.#at.cqTail) !== this.#words[this.#at.cqHead];
  }

  /** Whether the kernel has something to do or to tell. */
  get due(): boolean {
    return Atomics.load(this.#words, this.#at.sqFlags) !== 0 || this.completed;
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
    process.off('exit', this.#close);
    // Nobody reads or writes any more where nothing is mapped.
    this.#words = new Int32Array(0);
    this.entries = new Uint32Array(0);
    this.#kernel.forgetAtExit(this.#descriptor);
    this.#kernel.close(this.#descriptor);
    for (const mapping of this.#mappings) mapping.unmap();
  }
}

/**
 * The queues in memory of this process, so that closing the descriptor ends everything. An older kernel has them in memory
 * of its own, which keeps the ring while it is mapped: there, a thread that is ended without running any more code (out of
 * memory) leaves its ports bound as long as the process lives.
 */
const openQueues = (kernel: Kernel, options: RingOptions): Opened => {
  const parameters = new Uint32Array(PARAMETER_WORDS);
  parameters[AT.cqEntries] = options.completions;
  const own = options.mapped === true ? undefined : openOwn(kernel, options, parameters);
  if (own !== undefined) return own;
  parameters[AT.flags] = SETUP;
  const descriptor = kernel.setup(options.entries, parameters);
  if (descriptor < 0) throw kernel.error('io_uring_setup');
  const { octets } = layout(parameters);
  const lengths = [octets, parameters[0]! * ENTRY_OCTETS];
  try {
    if ((parameters[AT.features]! & FEATURE_SINGLE_MMAP) === 0) throw new Error('io_uring is too old');
    const memory = mapAll(kernel, lengths, (i) => [descriptor, i === 0 ? OFFSET_RINGS : OFFSET_ENTRIES]);
    return { descriptor, parameters, memory, mapped: true };
  } catch (error) {
    kernel.close(descriptor);
    throw error;
  }
};

const openOwn = (kernel: Kernel, options: RingOptions, parameters: Uint32Array): Opened | undefined => {
  const rings = PAGE + options.completions * COMPLETION_OCTETS + options.entries * WORD;
  const memory = mapAll(kernel, [pages(rings), pages(options.entries * ENTRY_OCTETS)], () => []);
  const given = parameters.slice();
  given[AT.flags] = SETUP | SETUP_NO_MMAP;
  writeAddress(given, AT.cq + CQ.address, memory[0]!.address);
  writeAddress(given, AT.sq + SQ.address, memory[1]!.address);
  const descriptor = kernel.setup(options.entries, given);
  if (descriptor >= 0) return { descriptor, parameters: given, memory, mapped: false };
  for (const mapping of memory) mapping.unmap();
  return undefined;
};

/** All of them, or none. */
const mapAll = (
  kernel: Kernel,
  lengths: readonly number[],
  from: (index: number) => [] | [descriptor: number, offset: number],
): readonly Mapping[] => {
  const mappings: Mapping[] = [];
  try {
    for (const [i, length] of lengths.entries()) mappings.push(kernel.map(length, ...from(i)));
    return mappings;
  } catch (error) {
    for (const mapping of mappings) mapping.unmap();
    throw error;
  }
};

/** Octets in whole pages. */
const pages = (octets: number): number => Math.ceil(octets / PAGE) * PAGE;

const writeAddress = (words: Uint32Array, at: number, address: number): void => {
  words[at] = address % LOW;
  words[at + 1] = address / LOW;
};

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

/**
 * Buffers of one size that the kernel fills, in one piece of memory, and the ring in which they are given to it (struct
 * io_uring_buf_ring). A buffer belongs to the kernel until it completes a reception, and again once it was given back.
 */
export class BufferRing {
  readonly memory: ArrayBuffer;
  readonly size: number;
  /** Where `memory` lies. */
  readonly address: number;
  readonly #count: number;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  #tail = 0;

  /** `count` is a power of two. */
  constructor(kernel: Kernel, ring: Ring, count: number, size: number) {
    this.#count = count;
    this.size = size;
    this.memory = new ArrayBuffer(count * size);
    this.address = kernel.address(this.memory);
    const { memory } = ring.provide(count);
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
    for (let id = 0; id < count; id++) this.give(id);
    this.publish();
  }

  /** Gives a buffer back; the kernel sees it after `publish`. */
  give(id: number): void {
    const at = (this.#tail & (this.#count - 1)) * BUFFER_WORDS;
    writeAddress(this.#words, at, this.address + id * this.size);
    this.#words[at + 2] = this.size;
    this.#halves[2 * at + 6] = id;
    this.#tail = (this.#tail + 1) & 0xffff;
  }

  /** The kernel looks at the tail in `enter` only, which orders it behind the entries. */
  publish(): void {
    this.#halves[7] = this.#tail;
  }
}
