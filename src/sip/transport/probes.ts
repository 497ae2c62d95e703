import type { Clock, Random } from '../../base/index.ts';
import type { UdpPort } from './udp-port.ts';

/** One that has not come back by then is lost, in milliseconds. */
const lostMs = 1000;

/**
 * Datagrams from a UDP socket to itself: what waits in front of them tells how far behind the reader is, in the system's
 * buffer as well, which nothing else shows.
 */
export class Probes {
  readonly #clock: Clock;
  /** Nobody else's datagram is taken for one. Its first byte is that of no SIP message. */
  readonly #bytes: Buffer;
  readonly #sentAt = new Map<UdpPort, number>();
  #told: (ms: number) => void = () => undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#bytes = Buffer.from(`00${random.hex(8)}`, 'hex');
  }

  send(ports: Iterable<UdpPort>, told: (ms: number) => void): void {
    this.#told = told;
    const now = this.#clock.now();
    for (const port of ports) {
      const age = now - (this.#sentAt.get(port) ?? now);
      if (age > 0) told(age);
      if (age > 0 && age < lostMs) continue;
      this.#sentAt.set(port, now);
      port.send(this.#bytes, port.listener.local);
    }
  }

  received(port: UdpPort, bytes: Buffer): void {
    const at = this.#sentAt.get(port);
    if (at === undefined || !bytes.equals(this.#bytes)) return;
    this.#sentAt.delete(port);
    this.#told(this.#clock.now() - at);
  }
}
