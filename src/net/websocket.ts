import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { localOf, remoteOf } from './stream.ts';
import type {
  CloseReason,
  Connection,
  ConnectionHandlers,
  ConnectionLimits,
  SocketAddress,
} from './types.ts';

const closeGraceMs = 2_000;

type Start = { readonly protocol: 'ws' | 'wss'; readonly socket: Socket; readonly limits: ConnectionLimits };

/** An accepted WebSocket; each message of either kind, text or binary, is one SIP message (RFC 7118 §5). */
export class WebSocketConnection implements Connection {
  readonly protocol: 'ws' | 'wss';
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  #idleMs: number;
  #silentMs = 0;
  #pinged = false;
  #reason: CloseReason | undefined;
  #detail = '';

  constructor(webSocket: WebSocket, { protocol, socket, limits }: Start) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.protocol = protocol;
    this.local = localOf(socket);
    this.remote = remoteOf(socket);
    this.#limits = limits;
    this.#idleMs = limits.idleMs;
  }

  get isOpen(): boolean {
    return this.#reason === undefined && this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  /** Starts the flow of events to `handlers`. */
  attach(handlers: ConnectionHandlers): void {
    const webSocket = this.#webSocket;
    webSocket.on('message', (data) => {
      this.#silentMs = 0;
      this.#pinged = false;
      if (this.isOpen) handlers.onData(data as Buffer);
    });
    webSocket.on('pong', () => (this.#pinged = false));
    webSocket.on('error', (error) => this.#failed(error));
    webSocket.once('close', (code) => {
      this.#note('peer', `WebSocket closed with ${code}`);
      handlers.onClosed(this.#reason ?? 'peer', this.#detail);
    });
    this.#socket.on('timeout', () => this.#silent());
    this.#wait();
  }

  write(data: Buffer | string): boolean {
    if (!this.isOpen) return false;
    if (this.#webSocket.bufferedAmount > this.#limits.writeBufferBytes) {
      this.destroy('slow-reader', `${this.#webSocket.bufferedAmount} bytes wait`);
      return false;
    }
    this.#silentMs = 0;
    // Text frames, as browsers like them, unless a body is no UTF-8 (RFC 7118 §5).
    this.#webSocket.send(data, { binary: typeof data !== 'string' && !isUtf8(data) });
    return true;
  }

  setIdle(ms: number): void {
    this.#idleMs = ms;
    this.#silentMs = 0;
    this.#wait();
  }

  close(): void {
    if (this.#reason !== undefined) return;
    this.#note('local', 'closed here');
    this.#webSocket.close(1000);
    this.#socket.setTimeout(closeGraceMs);
  }

  destroy(reason: CloseReason, detail = 'closed here'): void {
    this.#note(reason, detail);
    this.#webSocket.terminate();
  }

  #wait(): void {
    this.#socket.setTimeout(this.#limits.pingMs > 0 ? this.#limits.pingMs : this.#idleMs);
  }

  /** A ping keeps the path open and finds dead browsers, but does not count as use. */
  #silent(): void {
    if (!this.isOpen) return this.#webSocket.terminate();
    const { pingMs } = this.#limits;
    this.#silentMs += pingMs > 0 ? pingMs : this.#idleMs;
    if (this.#pinged) return this.destroy('idle', 'no answer to a ping');
    if (this.#idleMs > 0 && this.#silentMs >= this.#idleMs) {
      return this.destroy('idle', 'nothing was sent or received');
    }
    this.#pinged = true;
    this.#webSocket.ping();
  }

  #failed(error: NodeJS.ErrnoException): void {
    const tooLarge = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    this.#note(tooLarge ? 'too-large' : 'error', error.message);
  }

  #note(reason: CloseReason, detail: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#detail = detail;
  }
}
