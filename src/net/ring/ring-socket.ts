import type { RemoteInfo } from 'node:dgram';
import type { DatagramListener, DatagramSocket } from '../datagram.ts';
import { decodeAddress, encodeAddress, LENGTH_4, LENGTH_6 } from './socket-address.ts';

/** What carries a socket's datagrams. */
export interface Carrier {
  /** Hands a packet over; the socket says where it goes. */
  send(socket: RingSocket, packet: Uint8Array): void;
  /** Ends what is under way for the socket, and tells it by `closed`. */
  end(socket: RingSocket): void;
}

const nothing = () => undefined;
const WORD = 4;
/** Words of an address that tell one source from another; the rest is padding, or flow and scope. */
const TELLING_4 = 2;
const TELLING_6 = 6;

/** One UDP socket of a ring. */
export class RingSocket implements DatagramSocket {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
  readonly descriptor: number;
  onMessage: DatagramListener = nothing;
  onError: (error: Error) => void = nothing;
  /** Its number in the ring. */
  index = 0;
  /** Whether the kernel receives for it. */
  armed = false;
  readonly #carrier: Carrier;
  readonly #telling: number;
  /** The last source, as the kernel gave it and as listeners are told. */
  readonly #sourceWords = new Uint32Array(LENGTH_6 / WORD);
  #source: RemoteInfo;
  /** Where the last packet was sent to. */
  #port = -1;
  #address = '';
  #destination: Uint32Array = new Uint32Array(0);
  #closed: Promise<void> | undefined;
  #resolve: () => void = nothing;

  constructor(carrier: Carrier, descriptor: number, bound: { address: string; port: number }) {
    this.#carrier = carrier;
    this.descriptor = descriptor;
    this.address = bound.address;
    this.port = bound.port;
    this.family = bound.address.includes(':') ? 'IPv6' : 'IPv4';
    this.#telling = this.family === 'IPv4' ? TELLING_4 : TELLING_6;
    this.#source = { address: '', port: 0, family: this.family, size: 0 };
  }

  get closing(): boolean {
    return this.#closed !== undefined;
  }

  send(packet: Uint8Array, port: number, address: string): void {
    if (this.#closed !== undefined) return;
    if ((port !== this.#port || address !== this.#address) && !this.#aim(port, address))
      return this.onError(new Error(`${address} is no address of this socket's family`));
    this.#carrier.send(this, packet);
  }

  #aim(port: number, address: string): boolean {
    const encoded = encodeAddress(address, port);
    if (encoded?.length !== (this.family === 'IPv4' ? LENGTH_4 : LENGTH_6)) return false;
    this.#port = port;
    this.#address = address;
    this.#destination = new Uint32Array(encoded.buffer);
    return true;
  }

  /** Writes where the packet goes, and says how long that is in octets. */
  writeDestination(words: Uint32Array, at: number): number {
    const destination = this.#destination;
    for (let i = 0; i < destination.length; i++) words[at + i] = destination[i]!;
    return destination.length * WORD;
  }

  /** Who sent the packet of `size` octets before which the kernel wrote an address at `at`. */
  source(words: Uint32Array, at: number, size: number): RemoteInfo {
    const known = this.#sourceWords;
    for (let i = 0; i < this.#telling; i++)
      if (words[at + i] !== known[i]) {
        this.#learn(words, at);
        break;
      }
    this.#source.size = size;
    return this.#source;
  }

  #learn(words: Uint32Array, at: number): void {
    const known = this.#sourceWords;
    for (let i = 0; i < known.length; i++) known[i] = words[at + i]!;
    const { address, port } = decodeAddress(new Uint8Array(known.buffer));
    this.#source = { address, port, family: this.family, size: 0 };
  }

  close(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#resolve = resolve;
    this.#carrier.end(this);
    return promise;
  }

  /** The system has closed it. */
  closed(): void {
    this.#resolve();
  }
}
