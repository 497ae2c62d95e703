import type { SipRequest, SipResponse } from './request.ts';

/** The connection to the signaling engine. */
type Socket = {
  readonly destroyed: boolean;
  readonly writableCorked: number;
  cork(): void;
  uncork(): void;
};

/** What is used of drachtio-srf's request object, some of which its declarations leave out. */
export type SrfExchange = Omit<SipRequest, 'get'> & {
  /** As they were parsed: names in lower case, several of a name joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly stackTxnId: string;
  readonly socket: Socket;
  readonly agent: {
    sendMessage(socket: Socket, message: string, options: { readonly stackTxnId: string }): void;
  };
};

/** A request without the search for its headers' names, of which drachtio-srf makes one each time that one is read. */
export const readRequest = (exchange: SrfExchange): SipRequest => ({
  method: exchange.method,
  uri: exchange.uri,
  protocol: exchange.protocol,
  source_address: exchange.source_address,
  source_port: exchange.source_port,
  ...(exchange.stackTime === undefined ? {} : { stackTime: exchange.stackTime }),
  get: (name) => exchange.headers[name.toLowerCase()],
});

/**
 * A final answer to a request outside dialogs, written as it goes to the engine. drachtio-srf's own `send` builds a
 * message, copies the request's headers into it, which the engine does by itself, and prints it several times for a debug
 * log that is off; that is a tenth of what a registration costs.
 */
export const answerTo = (exchange: SrfExchange): SipResponse => ({
  send(status, reason, { headers }) {
    const { agent, socket, stackTxnId } = exchange;
    // It came over a connection that is gone, and with it the transaction.
    if (socket.destroyed) return;
    let text = `SIP/2.0 ${status} ${reason}\r\n`;
    for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
    together(socket);
    agent.sendMessage(socket, `${text}Content-Length: 0\r\n\r\n`, { stackTxnId });
  },
});

/** What is written in one turn of the event loop leaves in one system call: each costs as much as answering a request. */
function together(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(() => socket.uncork());
}
