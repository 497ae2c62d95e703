import {
  answeredDirection,
  commonPayloads,
  offeredPayloads,
  readSdp,
  refuse,
  writeSdp,
  type Payload,
  type PhoneCodec,
  type PhoneDirection,
  type RemoteSdp,
} from './phone-sdp.ts';
import { RtpEndpoint } from './rtp-endpoint.ts';

export type PhoneMediaOptions = {
  readonly name: string;
  readonly address: string;
  readonly codecs: readonly PhoneCodec[];
  /** Whether to open real RTP sockets. */
  readonly real: boolean;
};

// Without sockets of its own a phone still names a port; nothing listens there.
const PORT_OF_NOBODY = 40_000;

/** One call's session description and, when asked for, its RTP. */
export class PhoneMedia {
  readonly #options: PhoneMediaOptions;
  #rtp: RtpEndpoint | undefined;
  #version = 0;
  #payloads: readonly Payload[];
  #eventsType = 101;
  /** What the phone wants, whatever the other side allows. */
  wanted: PhoneDirection = 'sendrecv';
  /** The direction in force. */
  direction: PhoneDirection = 'sendrecv';
  /** An offer received that was not yet answered. */
  offered: string | undefined;
  local: string | undefined;
  remote: string | undefined;
  offerSent = false;

  constructor(options: PhoneMediaOptions) {
    this.#options = options;
    this.#payloads = offeredPayloads(options.codecs);
  }

  /** The RTP endpoint, once there is one. */
  get rtp(): RtpEndpoint {
    if (this.#rtp === undefined) throw new Error(`${this.#options.name} has no RTP`);
    return this.#rtp;
  }

  /** The payloads agreed on. */
  get payloads(): readonly Payload[] {
    return this.#payloads;
  }

  async offer(direction: PhoneDirection | undefined): Promise<string> {
    if (direction !== undefined) this.wanted = direction;
    this.offerSent = true;
    this.direction = this.wanted;
    return this.#write(offeredPayloads(this.#options.codecs, this.#eventsType), this.wanted);
  }

  /** The answer to the offer at hand, or an offer when there was none. */
  async respond(direction: PhoneDirection | undefined): Promise<string> {
    if (direction !== undefined) this.wanted = direction;
    const offer = this.offered === undefined ? undefined : readSdp(this.offered);
    if (offer === undefined) return this.offer(undefined);
    this.remote = this.offered;
    this.offerSent = false;
    this.#payloads = commonPayloads(offer, this.#options.codecs);
    this.direction = answeredDirection(offer.direction, this.wanted);
    const text = await this.#write(this.#payloads, this.direction, offer.others.map(refuse));
    this.#flow(offer);
    return text;
  }

  /** The other side's answer to this phone's offer. */
  answered(text: string): void {
    const answer = readSdp(text);
    if (answer === undefined) return;
    this.remote = text;
    this.offerSent = false;
    const common = commonPayloads(answer, this.#options.codecs);
    if (common.length > 0) this.#payloads = common;
    this.direction = answeredDirection(answer.direction, this.wanted);
    this.#flow(answer);
  }

  stop(): void {
    this.#rtp?.stop();
  }

  close(): void {
    this.#rtp?.close();
  }

  describe(): object {
    return { direction: this.direction, rtp: this.#rtp?.describe() };
  }

  async #write(
    payloads: readonly Payload[],
    direction: PhoneDirection,
    refused: readonly string[] = [],
  ): Promise<string> {
    const { name, address, real } = this.#options;
    if (real) this.#rtp ??= await RtpEndpoint.open({ name: name.slice(0, 16), address });
    const port = this.#rtp?.port ?? PORT_OF_NOBODY;
    this.local = writeSdp({ address, port, payloads, direction, version: ++this.#version, refused });
    return this.local;
  }

  /** Sends to where the other side wants it, with what was agreed on, or falls silent. */
  #flow(remote: RemoteSdp): void {
    const events = this.#payloads.find((p) => p.rtpmap.startsWith('telephone-event'));
    const audio = this.#payloads.find((p) => p !== events);
    if (events !== undefined) this.#eventsType = events.payloadType;
    if (this.#rtp === undefined) return;
    if (audio !== undefined) this.#rtp.payloadType = audio.payloadType;
    if (events !== undefined) this.#rtp.eventPayloadType = events.payloadType;
    const sends = this.direction === 'sendrecv' || this.direction === 'sendonly';
    if (sends && remote.port > 0 && audio !== undefined)
      this.#rtp.start({ address: remote.address, port: remote.port });
    else this.#rtp.stop();
  }
}
