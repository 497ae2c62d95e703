import { bindDatagram, type DatagramSocket } from '../net/index.ts';
import type { NgDictionary } from '../ng/index.ts';

/** Tells of telephone events and of what happens to calls, one JSON object a datagram, as rtpengine's DTMF log does. */
export class EventLog {
  readonly #to: { readonly address: string; readonly port: number };
  readonly #socket: DatagramSocket;

  constructor(to: { readonly address: string; readonly port: number }) {
    this.#to = to;
    this.#socket = bindDatagram({ address: to.address.includes(':') ? '::' : '0.0.0.0', port: 0 });
  }

  tell(event: NgDictionary): void {
    this.#socket.send(Buffer.from(JSON.stringify(event)), this.#to.port, this.#to.address);
  }

  /** A call ended because its thread did; `wall` in milliseconds. */
  tellLost(call: string, wall: number): void {
    this.tell({ callid: call, type: 'CALL_LOST', timestamp: Math.floor(wall / 1000) });
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
