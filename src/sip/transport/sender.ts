import { addressFamily } from '../../net/index.ts';
import {
  bracketHost,
  printMessage,
  topVia,
  type SipRequest,
  type SipResponse,
  type Via,
} from '../message/index.ts';
import type { Connections } from './connections.ts';
import type { Link } from './link.ts';
import type { TransportCounters, TransportOptions } from './options.ts';
import { Recent } from './recent.ts';
import type { Address, Destination, Flow, Listener, Protocol, SendFailure, SendResult } from './types.ts';
import type { UdpPort } from './udp-port.ts';
import { moveVia, replyAddress } from './via.ts';

type Done = (result: SendResult) => void;
type AddressDestination = Extract<Destination, { kind: 'address' }>;

/** RFC 3261 §18.1.1: the size above which a request needs a transport with congestion control. */
const largeRequest = 1_300;
/** How long a peer that should take a large request over TCP gets to answer the dial, and how long its refusal counts. */
const tcpTrialMs = 2_000;
const tcpRefusedMs = 10 * 60_000;

export type SenderOptions = {
  readonly transport: TransportOptions;
  readonly counters: TransportCounters;
  readonly connections: Connections;
  readonly port: (local: Address) => UdpPort | undefined;
  /** The socket of a UDP flow, while it is open. */
  readonly portOf: (flow: Flow) => UdpPort | undefined;
  readonly listener: (protocol: Protocol, address: string) => Listener | undefined;
  readonly resolve: (uri: string) => Promise<readonly Destination[]>;
};

/** Sends requests to destinations and responses back to where their requests came from. */
export class Sender {
  readonly #options: SenderOptions;
  /** Peers that took no TCP, and until when that is believed. */
  readonly #withoutTcp = new Recent<number>(2_000);

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  request(request: SipRequest, destination: Destination, done: Done): void {
    const { counters } = this.#options;
    const bytes = printMessage(request);
    const counted: Done = (result) => {
      if (result.ok) {
        counters.requestsOut++;
        counters.bytesOut += result.bytes;
      } else counters.sendFailures++;
      done(result);
    };
    if (destination.kind === 'flow') return this.#overFlow(bytes, destination.flow, counted);
    if (destination.protocol === 'udp' && bytes.length > largeRequest && this.#mayMove(destination)) {
      return this.#large(request, destination, counted);
    }
    this.#toAddress(bytes, destination, counted);
  }

  response(response: SipResponse, flow: Flow, done: Done): void {
    const { counters } = this.#options;
    const bytes = printMessage(response);
    counters.responsesOut++;
    counters.bytesOut += bytes.length;
    const via = topVia(response);
    if (via === undefined) return this.#fail(done, 'no-transport', 'the response has no Via');
    if (flow.protocol === 'udp') return this.#udpResponse(bytes, { via, flow }, done);
    const link = this.#options.connections.of(flow);
    if (link === undefined) return this.#elsewhere(bytes, { via, flow }, done);
    this.#write(link, bytes, done);
  }

  #fail(done: Done, failure: SendFailure, detail: string): void {
    done({ ok: false, failure, detail });
  }

  #write(link: Link, bytes: Buffer, done: Done): void {
    link.write(bytes, (flow, failure, detail) =>
      done(
        flow === undefined
          ? { ok: false, failure: failure ?? 'closed', detail: detail ?? '' }
          : { ok: true, flow, bytes: bytes.length, wire: bytes },
      ),
    );
  }

  #overFlow(bytes: Buffer, flow: Flow, done: Done): void {
    if (flow.protocol === 'udp') {
      const port = this.#options.portOf(flow);
      if (port === undefined) return this.#fail(done, 'no-transport', 'the UDP socket is closed');
      return this.#datagram(port, bytes, flow, done);
    }
    const link = this.#options.connections.of(flow);
    if (link === undefined) return this.#fail(done, 'closed', 'the connection is closed');
    this.#write(link, bytes, done);
  }

  #datagram(port: UdpPort, bytes: Buffer, flow: Flow, done: Done): void {
    port.send(bytes, flow.remote, (error) => {
      if (error === null) done({ ok: true, flow, bytes: bytes.length, wire: bytes });
      else {
        const tooLarge = (error as NodeJS.ErrnoException).code === 'EMSGSIZE';
        this.#fail(done, tooLarge ? 'too-large' : 'refused', error.message);
      }
    });
  }

  #toAddress(bytes: Buffer, destination: AddressDestination, done: Done): void {
    const { protocol, remote, serverName } = destination;
    const { connections } = this.#options;
    const listener = this.#options.listener(protocol, remote.address);
    if (listener === undefined) {
      return this.#fail(done, 'no-transport', `no ${protocol} endpoint for ${remote.address}`);
    }
    if (protocol === 'udp') {
      const port = this.#options.port(listener.local);
      if (port === undefined) return this.#fail(done, 'no-transport', 'the UDP socket is closed');
      return this.#datagram(port, bytes, port.flowTo(remote.address, remote.port), done);
    }
    const known = connections.find(protocol, remote, serverName);
    if (known !== undefined) return this.#write(known, bytes, done);
    // RFC 7118 §5: a WebSocket client cannot be dialled.
    if (protocol === 'ws' || protocol === 'wss') return this.#fail(done, 'closed', 'no such WebSocket');
    const named = serverName === undefined ? {} : { serverName };
    this.#write(connections.dial({ protocol, remote, ...named }, listener), bytes, done);
  }

  #mayMove({ remote }: AddressDestination): boolean {
    const { transport, listener } = this.#options;
    if (transport.largeRequestsToTcp === false || listener('tcp', remote.address) === undefined) return false;
    return (this.#withoutTcp.get(remote.address) ?? 0) <= transport.clock.now();
  }

  /** RFC 3261 §18.1.1: over TCP, and over UDP after all where the peer does not take it. */
  #large(request: SipRequest, destination: AddressDestination, done: Done): void {
    const { connections, listener, transport, counters } = this.#options;
    const { remote } = destination;
    const tcp = listener('tcp', remote.address);
    const udp = listener('udp', remote.address);
    if (tcp === undefined || udp === undefined)
      return this.#toAddress(printMessage(request), destination, done);
    moveVia(request, tcp);
    const link =
      connections.find('tcp', remote) ??
      connections.dial({ protocol: 'tcp', remote, handshakeMs: tcpTrialMs }, tcp);
    this.#write(link, printMessage(request), (result) => {
      if (result.ok) {
        counters.movedToTcp++;
        return done(result);
      }
      this.#withoutTcp.set(remote.address, transport.clock.now() + tcpRefusedMs);
      moveVia(request, udp);
      this.#toAddress(printMessage(request), destination, done);
    });
  }

  #udpResponse(bytes: Buffer, { via, flow }: { via: Via; flow: Flow }, done: Done): void {
    const port = this.#options.portOf(flow);
    if (port === undefined) return this.#fail(done, 'no-transport', 'the UDP socket is closed');
    const place = replyAddress(via, 'udp');
    const isBack = place.address === flow.remote.address && place.port === flow.remote.port;
    if (place.address !== flow.remote.address && addressFamily(place.address) === 0)
      return this.#resolved(bytes, { via, flow }, done);
    // Not waited for: a response that is lost is asked for again (RFC 3261 §17.2).
    port.send(bytes, place);
    const over = isBack ? flow : port.flowTo(place.address, place.port);
    done({ ok: true, flow: over, bytes: bytes.length, wire: bytes });
  }

  /** RFC 3261 §18.2.2: the connection is gone, so one is opened to where the Via says, or used if there is one. */
  #elsewhere(bytes: Buffer, { via, flow }: { via: Via; flow: Flow }, done: Done): void {
    const { protocol } = flow;
    if (protocol === 'ws' || protocol === 'wss') return this.#fail(done, 'closed', 'the WebSocket is closed');
    const remote = replyAddress(via, protocol);
    const named = protocol === 'tls' && addressFamily(via.host) === 0 ? { serverName: via.host } : {};
    const usable = addressFamily(remote.address) !== 0;
    if (!usable) return this.#resolved(bytes, { via, flow }, done);
    this.#toAddress(bytes, { kind: 'address', protocol, remote, ...named }, (result) => {
      if (result.ok || addressFamily(via.host) !== 0) done(result);
      else this.#resolved(bytes, { via, flow }, done);
    });
  }

  /** RFC 3263 §5: the servers of the host that the Via names, one after the other. */
  #resolved(bytes: Buffer, { via, flow }: { via: Via; flow: Flow }, done: Done): void {
    const port = via.port === undefined ? '' : `:${via.port}`;
    const host = bracketHost(via.parameters.get('maddr') ?? via.host);
    const uri = `sip:${host}${port};transport=${flow.protocol}`;
    void this.#options.resolve(uri).then((destinations) => {
      const next = (left: readonly Destination[]): void => {
        const [first, ...rest] = left;
        if (first?.kind !== 'address') return this.#fail(done, 'unresolved', `${host} has no address`);
        this.#toAddress(bytes, first, (result) => {
          if (result.ok || rest.length === 0) done(result);
          else next(rest);
        });
      };
      return next(destinations);
    });
  }
}
