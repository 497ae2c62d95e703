import { hostPort, isLoopback, isWildcard, localAddresses, type LocalAddress } from '../../net/index.ts';
import {
  parseMessage,
  printMessage,
  topVia,
  type MessageLimits,
  type ParseFailure,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import { Connections } from './connections.ts';
import type { Link } from './link.ts';
import { chooseListener } from './listeners.ts';
import {
  defaultTransportLimits,
  newCounters,
  type ListenSpec,
  type TransportCounters,
  type TransportLimits,
  type TransportOptions,
} from './options.ts';
import { Probes } from './probes.ts';
import { Recent } from './recent.ts';
import { UriResolver } from './resolve.ts';
import { Sender } from './sender.ts';
import { SourceGuard } from './source-guard.ts';
import type {
  Address,
  Destination,
  Flow,
  Listener,
  MessageEvent,
  Protocol,
  SendResult,
  TransportLayer,
} from './types.ts';
import { UdpFlow, UdpPort } from './udp-port.ts';
import { stampVia, viaValue } from './via.ts';

const marker = Buffer.from('SIP/2.0');

/**
 * A wildcard stands for every address of its family, so that Via and Contact always name one that can be answered.
 * Loopback peers are not told the external address.
 */
const expand = (spec: ListenSpec, interfaces: readonly LocalAddress[]): readonly ListenSpec[] => {
  if (!isWildcard(spec.address)) return [spec];
  const isSix = spec.address === '::';
  const { external: _external, ...plain } = spec;
  return interfaces
    .filter(({ address }) => address.includes(':') === isSix)
    .map(({ address }) => ({ ...(isLoopback(address) ? plain : spec), address }));
};

/** The transport layer on real sockets; see `TransportLayer`. */
export class Transport implements TransportLayer {
  readonly listeners: readonly Listener[] = [];
  readonly counters: TransportCounters = newCounters();
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #messageLimits: MessageLimits;
  readonly #interfaces = localAddresses();
  readonly #guard: SourceGuard;
  readonly #udp = new Map<string, UdpPort>();
  readonly #connections: Connections;
  readonly #resolver: UriResolver;
  readonly #sender: Sender;
  readonly #choices = new Recent<Listener>(10_000);
  #lastChoice:
    { readonly protocol: Protocol; readonly address: string; readonly listener: Listener } | undefined;
  readonly #probes: Probes;
  #onMessage: (event: MessageEvent) => void = () => undefined;
  #onClosed: (flow: Flow) => void = () => undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    const limits = { ...defaultTransportLimits, ...options.limits };
    this.#limits = limits;
    this.#probes = new Probes(options.clock, options.random);
    const { messageBytes, headerBytes, headerFields } = limits;
    this.#messageLimits = Object.freeze({ messageBytes, headerBytes, headerFields });
    this.#guard = new SourceGuard(options.clock, { limit: limits.garbage, windowMs: limits.garbageWindowMs });
    this.#connections = new Connections({
      transport: options,
      limits,
      counters: this.counters,
      mayConnect: (address) => !this.#guard.isMuted(address),
      handlers: {
        onMessage: (bytes, link) => this.#received(bytes, link.flow, link),
        onKeepAlive: () => this.counters.keepAlives++,
        onBroken: (failure, link) => this.#broken(failure, link),
        onClosed: (link) => link.flow && this.#onClosed(link.flow),
      },
    });
    this.#resolver = new UriResolver({
      ...options,
      can: (protocol, family) => this.#can(protocol, family),
      reaches: (protocol, address) => this.#reaches(protocol, address),
    });
    this.#sender = new Sender({
      transport: options,
      counters: this.counters,
      connections: this.#connections,
      port: (local) => this.#udp.get(hostPort(local)),
      portOf: (flow) => this.#portOf(flow),
      listener: (protocol, address) => this.#choose(protocol, address),
      resolve: async (uri) => await this.resolve(uri),
    });
  }

  /** Binds every endpoint; what was bound is closed again when one fails. */
  async listen(): Promise<void> {
    const listeners = this.listeners as Listener[];
    const specs = this.#options.listen.flatMap((spec) => expand(spec, this.#interfaces));
    try {
      // One after the other, so that the order of `listeners` and the error are the same at every start.
      // oxlint-disable-next-line no-await-in-loop
      for (const spec of specs) listeners.push(await this.#listenOn(spec));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  onMessage(handler: (event: MessageEvent) => void): void {
    this.#onMessage = handler;
  }

  onClosed(handler: (flow: Flow) => void): void {
    this.#onClosed = handler;
  }

  async resolve(uri: string): Promise<readonly Destination[]> {
    try {
      return await this.#resolver.resolve(uri);
    } catch (error) {
      this.#options.logger.warn({ uri, error: String(error) }, 'name could not be resolved');
      return [];
    }
  }

  destinationsNow(uri: string): readonly Destination[] | undefined {
    return this.#resolver.now(uri);
  }

  listenerFor(destination: Destination): Listener | undefined {
    if (destination.kind === 'address') return this.#choose(destination.protocol, destination.remote.address);
    const { flow } = destination;
    if (flow.protocol === 'udp') return this.#portOf(flow)?.listener;
    return this.#connections.of(flow)?.listener ?? this.#choose(flow.protocol, flow.remote.address);
  }

  viaFor(listener: Listener, branch: string): string {
    return viaValue(listener, branch);
  }

  sendRequest(request: SipRequest, destination: Destination, done: (result: SendResult) => void): void {
    this.#sender.request(request, destination, done);
  }

  sendResponse(response: SipResponse, flow: Flow, done: (result: SendResult) => void): void {
    this.#sender.response(response, flow, done);
  }

  probe(told: (ms: number) => void): void {
    this.#probes.send(this.#udp.values(), told);
  }

  isOpen(flow: Flow): boolean {
    return flow.protocol === 'udp'
      ? this.#portOf(flow) !== undefined
      : this.#connections.of(flow) !== undefined;
  }

  openFlow(protocol: Protocol, remote: Address): Flow | undefined {
    if (protocol === 'udp') return undefined;
    const link = this.#connections.find(protocol, remote);
    return link?.isOpen === true ? link.flow : undefined;
  }

  async close(): Promise<void> {
    const ports = [...this.#udp.values()];
    this.#udp.clear();
    await Promise.all([...ports.map((port) => port.close()), this.#connections.close()]);
  }

  describe(): object {
    return {
      listeners: this.listeners,
      connections: this.#connections.size,
      connectionsRefused: this.#connections.refused,
      udpFlows: [...this.#udp.values()].reduce((sum, port) => sum + port.flows, 0),
      sourcesWatched: this.#guard.size,
      counters: { ...this.counters },
    };
  }

  async #listenOn(spec: ListenSpec): Promise<Listener> {
    const { protocol } = spec;
    if (protocol !== 'udp') return await this.#connections.listen({ ...spec, protocol });
    const port: UdpPort = await UdpPort.bind(spec, this.#limits, {
      onMessage: (bytes, flow) => this.#received(bytes, flow),
      onKeepAlive: () => this.counters.keepAlives++,
      onProbe: (bytes) => this.#probes.received(port, bytes),
      onError: (error) => {
        this.counters.socketErrors++;
        this.#options.logger.debug({ error: error.message }, 'UDP socket error');
      },
    });
    this.#udp.set(hostPort(port.listener.local), port);
    return port.listener;
  }

  /** Messages of all transports come through here. */
  #received(bytes: Buffer, flow: Flow | undefined, link?: Link): void {
    if (flow === undefined) return;
    const { counters } = this;
    counters.bytesIn += bytes.length;
    const muted = this.#guard.isMuted(flow.remote.address);
    // A forged source must not silence a phone: what looks like SIP is read even from a source that sends garbage.
    if (this.#options.admit?.(flow) === false || (muted && bytes.indexOf(marker) < 0)) {
      counters.dropped++;
      return;
    }
    const result = parseMessage(bytes, this.#messageLimits);
    if (!result.ok) return this.#refuse(result.failure, flow, link);
    const { message } = result;
    link?.proven();
    if (message.kind === 'request') {
      counters.requestsIn++;
      stampVia(message, flow.remote);
    } else counters.responsesIn++;
    this.#deliver(message, flow, bytes.length);
  }

  #deliver(message: SipMessage, flow: Flow, bytes: number): void {
    try {
      this.#onMessage({ message, flow, bytes });
    } catch (error) {
      // One message must not take the engine down with it.
      this.#options.logger.error({ error, flow: flow.id }, 'message handler failed');
    }
  }

  /** RFC 3261 §8.2, RFC 4475: what can be answered is, unless its source sends too much of it. */
  #refuse({ reason, response }: ParseFailure, flow: Flow, link?: Link): void {
    this.counters.unparseable++;
    if (!this.#guard.strike(flow.remote.address)) {
      this.counters.dropped++;
      link?.close();
      return;
    }
    this.#options.logger.debug({ flow: flow.id, reason }, 'unacceptable message');
    if (response === undefined || topVia(response) === undefined) return;
    this.counters.unparseableAnswered++;
    stampVia(response, flow.remote);
    const bytes = printMessage(response);
    if (link !== undefined) link.write(bytes, () => undefined);
    else this.#portOf(flow)?.send(bytes, flow.remote);
  }

  #broken(failure: ParseFailure, link: Link): void {
    if (link.flow !== undefined) this.#refuse(failure, link.flow, link);
    link.close();
  }

  #can(protocol: Protocol, family: 4 | 6): boolean {
    return this.listeners.some(
      (l) => l.protocol === protocol && l.local.address.includes(':') === (family === 6),
    );
  }

  #reaches(protocol: Protocol, address: string): boolean {
    const listener = this.#choose(protocol, address);
    return listener !== undefined && (isLoopback(address) || !isLoopback(listener.local.address));
  }

  #portOf(flow: Flow): UdpPort | undefined {
    return flow instanceof UdpFlow ? flow.port : this.#udp.get(hostPort(flow.local));
  }

  #choose(protocol: Protocol, address: string): Listener | undefined {
    const last = this.#lastChoice;
    if (last?.protocol === protocol && last.address === address) return last.listener;
    const listener = this.#choiceOf(protocol, address);
    if (listener !== undefined) this.#lastChoice = { protocol, address, listener };
    return listener;
  }

  #choiceOf(protocol: Protocol, address: string): Listener | undefined {
    const key = `${protocol} ${address}`;
    const known = this.#choices.get(key);
    if (known !== undefined) return known;
    const listener = chooseListener(this.listeners, protocol, address, this.#interfaces);
    if (listener !== undefined) this.#choices.set(key, listener);
    return listener;
  }
}

/** Binds the endpoints and gives the layer over them. Rejects, naming the endpoint, when one cannot be bound. */
export const createTransport = async (options: TransportOptions): Promise<TransportLayer> => {
  const transport = new Transport(options);
  await transport.listen();
  return transport;
};
