import { bindUdp, hostPort, type UdpEndpoint } from '../../net/index.ts';
import type { ListenSpec, TransportLimits } from './options.ts';
import { Recent } from './recent.ts';
import { looksLikeStun, stunAnswer } from './stun.ts';
import type { Address, Flow, Listener } from './types.ts';

/** A peer of a UDP socket. Equal for the same peer as long as it is in use, and by its id beyond that. */
export class UdpFlow implements Flow {
  readonly id: string;
  readonly protocol = 'udp' as const;
  readonly local: Address;
  readonly remote: Address;
  readonly reliable = false;
  readonly #port: UdpPort;

  constructor(port: UdpPort, remote: Address) {
    const { local } = port.listener;
    this.id = `udp:${hostPort(local)}/${hostPort(remote)}`;
    this.local = local;
    this.remote = remote;
    this.#port = port;
  }

  /** The socket that it runs over; undefined once that is closed. */
  get port(): UdpPort | undefined {
    return this.#port.isOpen ? this.#port : undefined;
  }
}

export type UdpPortHandlers = {
  readonly onMessage: (bytes: Buffer, flow: Flow) => void;
  readonly onKeepAlive: () => void;
  /** What this socket sent to itself. */
  readonly onProbe: (bytes: Buffer) => void;
  readonly onError: (error: Error) => void;
};

type Done = (error: Error | null) => void;

/** One UDP socket and the flows of its peers. */
export class UdpPort {
  readonly listener: Listener;
  readonly #endpoint: UdpEndpoint;
  readonly #flows: Recent<UdpFlow>;
  #open = true;

  private constructor(listener: Listener, endpoint: UdpEndpoint, flows: Recent<UdpFlow>) {
    this.listener = listener;
    this.#endpoint = endpoint;
    this.#flows = flows;
  }

  /** Rejects when the address cannot be bound. */
  static async bind(spec: ListenSpec, limits: TransportLimits, handlers: UdpPortHandlers): Promise<UdpPort> {
    // No datagram comes before the event loop turns, and by then `receive` is set.
    let receive: ((bytes: Buffer, remote: Address) => void) | undefined;
    const endpoint = await bindUdp({
      local: spec,
      receiveBuffer: limits.udpReceiveBuffer,
      handlers: {
        onDatagram: (bytes, remote) => receive?.(bytes, remote),
        onError: handlers.onError,
      },
    });
    const { local } = endpoint;
    const external = spec.external && { port: local.port, ...spec.external };
    const listener: Listener = external ? { protocol: 'udp', local, external } : { protocol: 'udp', local };
    const port = new UdpPort(listener, endpoint, new Recent(limits.udpFlows));
    receive = (bytes, remote) => port.#receive(bytes, remote, handlers);
    return port;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get flows(): number {
    return this.#flows.size;
  }

  flowTo(address: string, port: number): UdpFlow {
    const key = `${address} ${port}`;
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const flow = new UdpFlow(this, { address, port });
    this.#flows.set(key, flow);
    return flow;
  }

  /** Without `done`, nothing is told of a failure. */
  send(bytes: Buffer, remote: Address, done?: Done): void {
    this.#endpoint.send(bytes, remote, done);
  }

  close(): Promise<void> {
    this.#open = false;
    return this.#endpoint.close();
  }

  #receive(bytes: Buffer, remote: Address, handlers: UdpPortHandlers): void {
    // Port 0 cannot be answered.
    if (remote.port === 0) return;
    const first = bytes[0];
    // A lone CRLF, zeros or nothing at all: what phones send to keep a NAT binding open.
    if (first === undefined || first === 0x0d || first === 0x0a || first < 4) {
      const { local } = this.listener;
      if (remote.port === local.port && remote.address === local.address) return handlers.onProbe(bytes);
      if (this.#isKeepAlive(bytes, remote)) return handlers.onKeepAlive();
    }
    handlers.onMessage(bytes, this.flowTo(remote.address, remote.port));
  }

  #isKeepAlive(bytes: Buffer, remote: Address): boolean {
    if (bytes.length >= 20 && looksLikeStun(bytes)) {
      const answer = stunAnswer(bytes, remote);
      if (answer !== undefined) this.#endpoint.send(answer, remote);
      return answer !== undefined;
    }
    return bytes.length <= 8 && bytes.every((byte) => byte === 0x0d || byte === 0x0a || byte === 0);
  }
}
