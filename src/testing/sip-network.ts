import type { Clock } from '../base/index.ts';
import {
  bracketHost,
  isIPv4,
  parseMessage,
  parseUri,
  printMessage,
  type Destination,
  type Flow,
  type Listener,
  type MessageEvent,
  type Protocol,
  type SendResult,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  type TransportLayer,
} from '../sip/index.ts';

/** A message on its way: `1xx`-style matching is up to the test. */
export type Passing = {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly message: SipMessage;
  /** `INVITE`, `180 INVITE`. */
  readonly name: string;
  readonly lost: boolean;
};

const nameOf = (message: SipMessage): string =>
  message.kind === 'request'
    ? message.method
    : `${message.status} ${(message.headers.get('CSeq') ?? '').replace(/^\S+\s+/, '')}`;

/**
 * SIP endpoints on one clock and without sockets: messages are printed, carried with a delay, lost as `drop` says, and
 * parsed again. `names` are host names that resolve to several addresses.
 */
export class SipNetwork {
  readonly clock: Clock;
  readonly passed: Passing[] = [];
  readonly names = new Map<string, readonly string[]>();
  latency = 5;
  /** False: every connection is closed. */
  open = true;
  /** True: this one is lost. */
  drop: (message: Omit<Passing, 'lost'>) => boolean = () => false;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  endpoint(address: string, protocol: Protocol = 'udp', port = 5060): TransportLayer {
    const endpoint = new Endpoint(this, { protocol, local: { address, port } });
    this.#endpoints.set(`${address}:${port}`, endpoint);
    return endpoint;
  }

  /** Nobody is at that address any more. */
  remove(address: string, port = 5060): void {
    this.#endpoints.delete(`${address}:${port}`);
  }

  /** The names of all messages that arrived, in order of sending: `INVITE`, `180 INVITE`, … */
  get ladder(): readonly string[] {
    return this.passed.filter(({ lost }) => !lost).map(({ name }) => name);
  }

  carry(from: Listener, message: SipMessage, flow: Flow, done: (result: SendResult) => void): void {
    const to = `${flow.remote.address}:${flow.remote.port}`;
    const bytes = printMessage(message);
    const target = this.#endpoints.get(to);
    if (target === undefined && flow.reliable) {
      return done({ ok: false, failure: 'refused', detail: `nobody at ${to}` });
    }
    const parsed = parseMessage(bytes);
    if (!parsed.ok)
      throw new Error(`sent what nobody can read: ${parsed.failure.reason}\n${bytes.toString()}`);
    const source = `${from.local.address}:${from.local.port}`;
    const passing = {
      at: this.clock.now(),
      from: source,
      to,
      message: parsed.message,
      name: nameOf(parsed.message),
    };
    const lost = target === undefined || this.drop(passing);
    this.passed.push({ ...passing, lost });
    done({ ok: true, flow, bytes: bytes.length });
    if (lost) return;
    this.clock.after(this.latency, () => target.receive(parsed.message, from, bytes.length));
  }
}

class Endpoint implements TransportLayer {
  readonly listeners: readonly Listener[];
  readonly #network: SipNetwork;
  readonly #listener: Listener;
  #onMessage: (event: MessageEvent) => void = () => undefined;

  constructor(network: SipNetwork, listener: Listener) {
    this.#network = network;
    this.#listener = listener;
    this.listeners = [listener];
  }

  receive(message: SipMessage, from: Listener, bytes: number): void {
    this.#onMessage({ message, flow: this.#flowTo(from.local), bytes });
  }

  onMessage(handler: (event: MessageEvent) => void): void {
    this.#onMessage = handler;
  }

  onClosed(): void {
    return undefined;
  }

  async resolve(uri: string): Promise<readonly Destination[]> {
    return await Promise.resolve(this.destinationsNow(uri) ?? []);
  }

  destinationsNow(text: string): readonly Destination[] | undefined {
    const uri = parseUri(text);
    if (uri === undefined) return [];
    const addresses = isIPv4(uri.host) ? [uri.host] : (this.#network.names.get(uri.host) ?? []);
    const protocol = (uri.parameters.get('transport') ?? 'udp') as Protocol;
    return addresses.map((address) => ({
      kind: 'address',
      protocol,
      remote: { address, port: uri.port ?? 5060 },
    }));
  }

  listenerFor(destination: Destination): Listener | undefined {
    const protocol = destination.kind === 'flow' ? destination.flow.protocol : destination.protocol;
    return protocol === this.#listener.protocol ? this.#listener : undefined;
  }

  sendRequest(request: SipRequest, destination: Destination, done: (result: SendResult) => void): void {
    const flow = destination.kind === 'flow' ? destination.flow : this.#flowTo(destination.remote);
    this.#network.carry(this.#listener, request, flow, done);
  }

  sendResponse(response: SipResponse, flow: Flow, done: (result: SendResult) => void): void {
    this.#network.carry(this.#listener, response, flow, done);
  }

  viaFor({ protocol, local }: Listener, branch: string): string {
    const host = `${bracketHost(local.address)}:${local.port}`;
    return `SIP/2.0/${protocol.toUpperCase()} ${host};rport;branch=${branch}`;
  }

  isOpen(): boolean {
    return this.#network.open;
  }

  openFlow(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#network.remove(this.#listener.local.address, this.#listener.local.port);
    await Promise.resolve();
  }

  describe(): object {
    return {};
  }

  #flowTo(remote: Flow['remote']): Flow {
    const { protocol, local } = this.#listener;
    return {
      id: `${protocol}:${local.address}:${local.port}/${remote.address}:${remote.port}`,
      protocol,
      local,
      remote,
      reliable: protocol !== 'udp',
    };
  }
}
