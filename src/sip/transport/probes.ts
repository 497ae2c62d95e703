import type { Clock, Random } from '../../base/index.ts';
import type { UdpPort } from './udp-port.ts';

/** One that has not come back by then is lost, in milliseconds. */
const lostMs = 1000;

/**
 * Datagrams from a UDP socket to itself: what waits in front of them tells how far behind the reader is, in the system's
 * buffer as well, which nothing else shows. Each connection is read in every turn of the event loop, so what came over
 * one waits for a turn, and so does a probe; without a UDP socket the turn itself is measured.
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
    let isUdp = false;
    for (const port of ports) {
      isUdp = true;
      const age = now - (this.#sentAt.get(port) ?? now);
      if (age > 0) told(age);
      if (age > 0 && age < lostMs) continue;
      this.#sentAt.set(port, now);
      port.send(this.#bytes, port.listener.local);
    }
    if (!isUdp) this.#clock.after(0, () => told(this.#clock.now() - now));
  }

  received(port: UdpPort, bytes: Buffer): void {
    const at = this.#sentAt.get(port);
    if (at === undefined || !bytes.equals(this.#bytes)) return;
    this.#sentAt.delete(port);
    this.#told(this.#clock.now() - at);
  }
}
