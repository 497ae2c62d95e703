import { addressFamily } from '../address.ts';
import type { DatagramIo, DatagramOptions, DatagramSocket } from '../datagram.ts';
import type { Kernel } from './kernel.ts';
import { BufferRing, ENTRY_WORDS, Ring, type RingOptions } from './ring.ts';
import { RingSocket, type Carrier } from './ring-socket.ts';
import { decodeAddress, encodeAddress, FAMILY_4, FAMILY_6, LENGTH_6 } from './socket-address.ts';

const ENTRIES = 1024;
const COMPLETIONS = 8192;
const BUFFERS = 1024;
/** With its head and the address: 4,052 octets of payload, more than 20 ms of linear stereo sound at 48 kHz. */
const BUFFER_OCTETS = 4096;
/** Room for datagrams that lie elsewhere than in a buffer; the longest UDP datagram fits. */
const STAGING = 1 << 18;
/** After so many turns in a row the event loop has its own. */
const MOST_TURNS = 32;

const OP_RECVMSG = 10;
const OP_ASYNC_CANCEL = 14;
const OP_SEND = 26;
const BUFFER_SELECT = 1 << 13;
const SKIP_SUCCESS = 1 << 14;
const MULTISHOT = 2 << 16;
const MORE = 2;
const BUFFER_SHIFT = 16;
const DONTWAIT_NOSIGNAL = 0x4040;
const TRUNCATED = 0x20;

/** What a completion is of. */
const RECEPTION = 0;
const SENDING = 1;
const CANCELLING = 2;

/** What a buffer starts with: struct io_uring_recvmsg_out (name length, control length, payload length, flags), the name. */
const HEAD = 16;
const PAYLOAD = HEAD + LENGTH_6;

/** struct msghdr, and behind it an address for each entry. */
const MESSAGE_OCTETS = 56;
const NAME_LENGTH = 8;
const ADDRESS_OCTETS = 32;
const ADDRESSES = 64;
const STAGE = ADDRESSES + ENTRIES * ADDRESS_OCTETS;

const SOCK_DGRAM_CLOEXEC = 2 | 0x8_0000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const NO_BUFFERS = -105;
const LOW = 0x1_0000_0000;

/** The parts that lie in memory which the kernel reads. */
type Memory = { readonly bytes: Uint8Array; readonly words: Uint32Array; readonly address: number };

/**
 * UDP sockets that share one io_uring: the kernel puts what arrives on any of them into buffers by itself, and what many
 * of them send is handed over in one call. A packet that is sent on from the buffer that it arrived in is not copied.
 *
 * The kernel works only while this thread is inside a turn. So what a listener sees stays as it is until it returns, and
 * what it sends until the turn after; buffers go back behind that.
 */
export class RingDatagrams implements DatagramIo, Carrier {
  readonly kind = 'io_uring';
  readonly #kernel: Kernel;
  readonly #ring: Ring;
  readonly #buffers: BufferRing;
  readonly #received: Uint32Array;
  /** The view of each buffer that was used last: most packets of a stream have one length. */
  readonly #packets: Buffer[] = [];
  readonly #memory: Memory;
  readonly #sockets: (RingSocket | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #used = new Uint16Array(BUFFERS);
  #usedCount = 0;
  /** Sockets that will receive again once there are buffers and entries. */
  #unarmed: RingSocket[] = [];
  #staged = 0;
  #turning = false;
  #closed = false;
  #flushing = false;
  #look: NodeJS.Immediate | undefined;
  #alive: NodeJS.Timeout | undefined;

  /** Throws where the kernel does not have what it takes. `doorbell` is that of this thread's event loop. */
  constructor(kernel: Kernel, options: Pick<RingOptions, 'doorbell' | 'mapped'>) {
    this.#kernel = kernel;
    this.#ring = Ring.open(kernel, { entries: ENTRIES, completions: COMPLETIONS, ...options });
    try {
      this.#buffers = new BufferRing(kernel, this.#ring, BUFFERS, BUFFER_OCTETS);
    } catch (error) {
      this.#ring.close();
      throw error;
    }
    this.#received = new Uint32Array(this.#buffers.memory);
    const memory = new ArrayBuffer(STAGE + STAGING);
    const address = kernel.address(memory);
    this.#memory = { bytes: new Uint8Array(memory), words: new Uint32Array(memory), address };
    this.#memory.bytes.fill(0, 0, MESSAGE_OCTETS);
    this.#memory.words[NAME_LENGTH / 4] = LENGTH_6;
  }

  bind(options: DatagramOptions): DatagramSocket {
    if (this.#closed) throw new Error('closed');
    const six = addressFamily(options.address) === 6;
    const kernel = this.#kernel;
    const descriptor = kernel.socket(six ? FAMILY_6 : FAMILY_4, SOCK_DGRAM_CLOEXEC);
    if (descriptor < 0) throw kernel.error('socket');
    kernel.closeAtExit(descriptor);
    try {
      const bound = this.#bind(descriptor, options);
      const socket = new RingSocket(this, descriptor, bound);
      this.#adopt(socket);
      return socket;
    } catch (error) {
      this.#release(descriptor);
      throw error;
    }
  }

  #bind(descriptor: number, options: DatagramOptions): { address: string; port: number } {
    const kernel = this.#kernel;
    const wanted = encodeAddress(options.address, options.port);
    if (wanted === undefined) throw new Error(`bind ${options.address}: no numeric address`);
    if (kernel.bind(descriptor, wanted, wanted.length) < 0) throw kernel.error('bind');
    if (options.receiveBuffer !== undefined)
      kernel.setOption(descriptor, SOL_SOCKET, SO_RCVBUF, options.receiveBuffer);
    const length = Uint32Array.of(wanted.length);
    if (kernel.name(descriptor, wanted, length) < 0) throw kernel.error('getsockname');
    return decodeAddress(wanted);
  }

  #adopt(socket: RingSocket): void {
    socket.index = this.#free.pop() ?? this.#sockets.length;
    this.#sockets[socket.index] = socket;
    this.#arm(socket);
    if (this.#look !== undefined) return;
    this.#watch();
    this.#alive = setInterval(() => undefined, 0x7fff_ffff);
  }

  /** Looks after each turn of the event loop, without keeping the loop from waiting: the doorbell ends its wait. */
  #watch(): void {
    this.#look = setImmediate(() => {
      this.#watch();
      if (this.#ring.due) this.#turn();
    });
    this.#look.unref();
  }

  /** Has a socket receive from now on. */
  #arm(socket: RingSocket): void {
    const place = this.#ring.next();
    if (place < 0) return void this.#unarmed.push(socket);
    socket.armed = true;
    const at = this.#begin(place, OP_RECVMSG | BUFFER_SELECT | MULTISHOT, socket.descriptor);
    const { entries } = this.#ring;
    const { address } = this.#memory;
    entries[at + 4] = address % LOW;
    entries[at + 5] = address / LOW;
    entries[at + 6] = 1;
    entries[at + 8] = socket.index;
    entries[at + 9] = RECEPTION;
    this.#soon();
  }

  #begin(place: number, operation: number, descriptor: number): number {
    const at = place * ENTRY_WORDS;
    const { entries } = this.#ring;
    entries.fill(0, at, at + ENTRY_WORDS);
    entries[at] = operation;
    entries[at + 1] = descriptor;
    return at;
  }

  /** Sends soon, and drops what the system does not take at once, as a full network would. */
  send(socket: RingSocket, packet: Uint8Array): void {
    const ring = this.#ring;
    const memory = this.#memory;
    const from = this.#locate(packet);
    const place = from < 0 ? -1 : ring.next();
    if (place < 0) return socket.onError(new Error('too much waits to be sent'));
    const { entries } = ring;
    const at = place * ENTRY_WORDS;
    const to = ADDRESSES + place * ADDRESS_OCTETS;
    const length = socket.writeDestination(memory.words, to / 4);
    entries[at] = OP_SEND | SKIP_SUCCESS;
    entries[at + 1] = socket.descriptor;
    entries[at + 2] = (memory.address + to) % LOW;
    entries[at + 3] = (memory.address + to) / LOW;
    entries[at + 4] = from % LOW;
    entries[at + 5] = from / LOW;
    entries[at + 6] = packet.length;
    entries[at + 7] = DONTWAIT_NOSIGNAL;
    entries[at + 8] = socket.index;
    entries[at + 9] = SENDING;
    entries[at + 10] = 0;
    entries[at + 11] = length;
    entries[at + 12] = 0;
    entries[at + 13] = 0;
    entries[at + 14] = 0;
    entries[at + 15] = 0;
    if (!this.#turning) this.#soon();
  }

  /** Where the octets of a packet lie until they are handed over; -1 where there is no room for them. */
  #locate(packet: Uint8Array): number {
    const buffers = this.#buffers;
    const memory = this.#memory;
    if (packet.buffer === buffers.memory) return buffers.address + packet.byteOffset;
    if (this.#staged + packet.length > STAGING) this.#submit();
    if (this.#staged + packet.length > STAGING) return -1;
    const at = STAGE + this.#staged;
    memory.bytes.set(packet, at);
    this.#staged += packet.length;
    return memory.address + at;
  }

  #submit(): void {
    this.#ring.submit();
    if (this.#ring.waiting === 0) this.#staged = 0;
  }

  /** Hands over what was sent meanwhile once the running code has ended. */
  #soon(): void {
    if (this.#turning || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#turn();
    });
  }

  /** Hands over what waits and takes what has come, until there is no more. */
  #turn(): void {
    if (this.#turning || this.#closed) return;
    this.#turning = true;
    try {
      for (let turns = 0; turns < MOST_TURNS; turns++)
        if (this.#once() === 0 && this.#ring.waiting === 0 && !this.#ring.due) return;
      this.#again();
    } catch (error) {
      this.#again();
      throw error;
    } finally {
      this.#turning = false;
    }
  }

  /** Goes on once the event loop has had its turn. */
  #again(): void {
    setImmediate(() => this.#turn());
  }

  /** Says how much had come. When that was nothing, whatever comes from here on rings. */
  #once(): number {
    const ring = this.#ring;
    ring.quiet = false;
    ring.turn();
    if (ring.waiting === 0) this.#giveBack();
    if (this.#unarmed.length > 0) this.#armAll();
    if (!ring.completed) return 0;
    // Nobody needs to wake a thread that is at work, and that will look again.
    ring.quiet = true;
    return ring.complete(this.#completed);
  }

  /** Nothing that was to be sent from these buffers waits any more. */
  #giveBack(): void {
    this.#staged = 0;
    if (this.#usedCount === 0) return;
    for (let i = 0; i < this.#usedCount; i++) this.#buffers.give(this.#used[i]!);
    this.#usedCount = 0;
    this.#buffers.publish();
  }

  #armAll(): void {
    const sockets = this.#unarmed;
    this.#unarmed = [];
    for (const socket of sockets) if (!socket.closing) this.#arm(socket);
  }

  readonly #completed = (index: number, kind: number, result: number, flags: number): void => {
    const socket = this.#sockets[index];
    if (socket === undefined || kind === CANCELLING) return;
    if (kind === SENDING) return socket.onError(new Error(`send: errno ${-result}`));
    if ((flags & MORE) === 0) this.#ended(socket);
    if (result >= 0) this.#arrived(socket, flags >>> BUFFER_SHIFT);
    else if (!socket.closing && result !== NO_BUFFERS) socket.onError(new Error(`recvmsg: errno ${-result}`));
  };

  #arrived(socket: RingSocket, id: number): void {
    this.#used[this.#usedCount++] = id;
    const start = id * BUFFER_OCTETS;
    const at = start / 4;
    const length = this.#received[at + 2]!;
    if (socket.closing) return;
    if ((this.#received[at + 3]! & TRUNCATED) !== 0)
      return socket.onError(new Error(`a datagram of more than ${length} octets is too long`));
    let packet = this.#packets[id];
    if (packet?.length !== length) {
      packet = Buffer.from(this.#buffers.memory, start + PAYLOAD, length);
      this.#packets[id] = packet;
    }
    socket.onMessage(packet, socket.source(this.#received, at + HEAD / 4, length));
  }

  /** A socket receives no more: because it is closed, or because the buffers were all in use, or of an error. */
  #ended(socket: RingSocket): void {
    socket.armed = false;
    if (socket.closing) this.#finish(socket);
    else this.#unarmed.push(socket);
  }

  /** Ends what is under way for a socket, and closes it behind that. */
  end(socket: RingSocket): void {
    const place = socket.armed ? this.#ring.next() : -1;
    if (place >= 0) {
      const at = this.#begin(place, OP_ASYNC_CANCEL | SKIP_SUCCESS, -1);
      const { entries } = this.#ring;
      entries[at + 4] = socket.index;
      entries[at + 5] = RECEPTION;
      entries[at + 9] = CANCELLING;
      return this.#soon();
    }
    this.#finish(socket);
  }

  #finish(socket: RingSocket): void {
    // What it sent must have gone before its descriptor can become another socket's.
    if (this.#ring.waiting > 0) this.#submit();
    this.#sockets[socket.index] = undefined;
    this.#free.push(socket.index);
    this.#release(socket.descriptor);
    socket.closed();
    if (this.#free.length < this.#sockets.length) return;
    clearImmediate(this.#look);
    clearInterval(this.#alive);
    this.#look = undefined;
  }

  #release(descriptor: number): void {
    this.#kernel.forgetAtExit(descriptor);
    this.#kernel.close(descriptor);
  }

  /** Closes what is still open, and the ring. */
  async close(): Promise<void> {
    const open = this.#sockets.filter((socket) => socket !== undefined);
    await Promise.all(open.map((socket) => socket.close()));
    this.#closed = true;
    this.#ring.close();
  }
}
