import { forwardInDialogRequests, type Forwarded, type Handler, type Response } from 'drachtio-fn-b2b-sugar';
import type { Dialog as LegDialog, InDialogRequest } from './signaling.ts';

/** What says something of the body, and nothing of the network it comes from. */
const passedOn = ['Content-Type', 'Content-Disposition', 'Content-Language', 'Info-Package'];

/**
 * A side of a call as drachtio-fn-b2b-sugar knows dialogs, by the name of their class too. It forwards whatever it is
 * given; so it is given what may be seen on the other side, and nothing else (M-05).
 */
class Dialog implements Forwarded {
  other: Dialog | undefined;
  readonly #handlers = new Map<string, Handler>();
  readonly #target: LegDialog | undefined;

  constructor(target?: LegDialog) {
    this.#target = target;
  }

  on(method: string, handler: Handler): void {
    this.#handlers.set(method, handler);
  }

  received(request: InDialogRequest): void {
    const headers: Record<string, string> = {};
    for (const name of passedOn) {
      const value = request.get(name);
      if (value !== undefined) headers[name] = value;
    }
    const handler = this.#handlers.get(request.method.toLowerCase());
    handler?.(
      { headers, body: request.body },
      { send: (status, options) => request.respond(status, options) },
    );
  }

  async request(options: Parameters<Forwarded['request']>[0]): Promise<Response> {
    const { method, headers, body } = options;
    const outcome = await this.#target?.request(method, { headers, ...(body === '' ? {} : { body }) });
    const { status = 480, contentType = '', body: answer = '' } = outcome ?? {};
    return { status, body: answer, has: () => contentType !== '', get: () => contentType };
  }
}

/** Passes a request on to the other side's dialog, and its answer back. */
export function forward(request: InDialogRequest, to: LegDialog): void {
  const from = new Dialog();
  from.other = new Dialog(to);
  forwardInDialogRequests(from, [request.method.toLowerCase()]);
  from.received(request);
}
