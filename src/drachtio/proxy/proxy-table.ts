import type {
  HeaderField,
  IncomingRequest,
  MessageEvent,
  ServerTransaction,
  SipRequest,
} from '../../sip/index.ts';
import { Passing } from './passing.ts';
import type { ProxyOrder } from './proxy-order.ts';
import { Proxy, type ProxyListener, type ProxyOptions } from './proxy.ts';

/** Every proxy under way, and what runs along the Record-Routes that they left. */
export class ProxyTable {
  readonly #options: () => ProxyOptions;
  readonly #passing: Passing;
  readonly #proxies = new Map<string, Proxy>();

  constructor(options: () => ProxyOptions) {
    this.#options = options;
    this.#passing = new Passing(() => options().core);
  }

  get size(): number {
    return this.#proxies.size;
  }

  start(
    order: ProxyOrder,
    request: { readonly incoming: IncomingRequest; readonly fields: readonly HeaderField[] },
    listener: ProxyListener,
  ): void {
    const { incoming } = request;
    incoming.detach();
    const proxy = new Proxy(this.#options(), order, request, {
      onFinal: (response, event) => listener.onFinal(response, event),
      onDone: () => {
        this.#proxies.delete(incoming.id);
        listener.onDone();
      },
    });
    this.#proxies.set(incoming.id, proxy);
    proxy.start();
  }

  /** The caller of a proxied request gave up; false when it is none. */
  cancel(incoming: IncomingRequest): boolean {
    const proxy = this.#proxies.get(incoming.id);
    proxy?.cancel();
    return proxy !== undefined;
  }

  /** Takes a request that follows our Record-Route (RFC 3261 §16.4, §16.6). */
  claim(request: SipRequest, event: MessageEvent, transaction: ServerTransaction | undefined): boolean {
    return this.#passing.claim(request, event, transaction);
  }
}
