import type { Server, Socket } from 'node:net';
import { plainAddress } from './address.ts';
import type { ConnectionLimits } from './types.ts';

/** Counts the connections of one listening server, in all and by source, and refuses those over the limit. */
export class Admission {
  readonly #sources = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #limits: ConnectionLimits;
  refused = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Watches the raw connections of a TCP server, below TLS and HTTP. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#admit(socket));
  }

  /** Ends every connection that is left. */
  clear(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: Socket): void {
    const source = plainAddress(socket.remoteAddress ?? '');
    const count = this.#sources.get(source) ?? 0;
    if (this.#sockets.size >= this.#limits.connections || count >= this.#limits.connectionsPerSource) {
      this.refused++;
      socket.destroy();
      return;
    }
    this.#sources.set(source, count + 1);
    this.#sockets.add(socket);
    socket.once('close', () => this.#release(socket, source));
  }

  #release(socket: Socket, source: string): void {
    this.#sockets.delete(socket);
    const left = (this.#sources.get(source) ?? 1) - 1;
    if (left > 0) this.#sources.set(source, left);
    else this.#sources.delete(source);
  }
}
