import type { Clock } from '../../base/index.ts';
import { bindUdp, type SocketAddress, type UdpEndpoint } from '../../net/index.ts';
import {
  meanSquare,
  packetKind,
  rtpHeaderLength,
  rtpPayloadType,
  rtpSsrc,
  WavWriter,
  type CodecName,
} from '../../rtp/index.ts';
import { parseSdp, plainAudio } from '../../sdp/index.ts';
import { RECORDING_RATE, RecordedTrack } from '../links/recorded-track.ts';

/** What it takes in (RFC 3551 §6): any other codec is the media engine's to make one of these of. */
const codecs: Readonly<Record<number, CodecName>> = {
  0: { name: 'PCMU', clockRate: 8000, channels: 1 },
  8: { name: 'PCMA', clockRate: 8000, channels: 1 },
};

/** Mean square of samples beyond which a packet is more than a quiet line: some -46 dB below the loudest. */
const LOUD = 160 ** 2;
/** Samples this old are final. */
const SETTLE = RECORDING_RATE / 2;
/** Sockets open at once. */
const MOST_OPEN = 1000;

/** One file: what comes in by its own timestamps, silence where nothing does. */
class RtpTake {
  loudAt: number;
  failure: Error | undefined;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #writer: WavWriter | undefined;
  #track: RecordedTrack | undefined;
  #stopped: Promise<number> | undefined;

  private constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.loudAt = this.#startedAt;
  }

  static async begin(file: string, clock: Clock): Promise<RtpTake> {
    const take = new RtpTake(clock);
    take.#writer = await WavWriter.create(file, {
      sampleRate: RECORDING_RATE,
      channels: 1,
      onError: (error) => (take.failure = error),
    });
    return take;
  }

  receive(packet: Buffer): void {
    if (this.#writer === undefined || this.#stopped !== undefined) return;
    const position = this.#position();
    const sound = this.#trackOf(packet)?.put(this.#writer, packet, position);
    if (sound === undefined) return;
    if (sound.length > 0 && meanSquare(sound, 0, sound.length) > LOUD) this.loudAt = this.#clock.now();
    this.#writer.advance(position - SETTLE);
  }

  stop(): Promise<number> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<number> {
    this.#track?.free();
    await this.#writer?.close(this.#position());
    return (this.#writer?.position ?? 0) / RECORDING_RATE;
  }

  #position(): number {
    return Math.round(((this.#clock.now() - this.#startedAt) * RECORDING_RATE) / 1000);
  }

  /** Digits and comfort noise are no sound of their own. */
  #trackOf(packet: Buffer): RecordedTrack | undefined {
    const payloadType = rtpPayloadType(packet);
    const ssrc = rtpSsrc(packet);
    const codec = codecs[payloadType];
    if (codec === undefined) return undefined;
    const known = this.#track;
    if (known?.payloadType === payloadType && known.ssrc === ssrc) return known;
    known?.free();
    this.#track = new RecordedTrack(0, { payloadType, ssrc, clockRate: codec.clockRate });
    void this.#track.prepare(codec);
    return this.#track;
  }
}

/** One socket to which a media engine sends what a party says. It sends nothing itself: the engine plays what is heard. */
class RtpInlet {
  readonly sdp: string;
  readonly #socket: UdpEndpoint;
  readonly #clock: Clock;
  readonly #closed: () => void;
  /** The engine's port, and its address from its first packet on: what it advertises may be another one. */
  #port: number | undefined;
  #address: string | undefined;
  #take: RtpTake | undefined;
  #open = true;

  constructor(socket: UdpEndpoint, clock: Clock, closed: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#closed = closed;
    this.sdp = plainAudio(socket.local.address, socket.local.port);
  }

  hear(sdp: string): void {
    const parsed = parseSdp(sdp);
    this.#port = parsed?.media.find(({ kind, port }) => kind === 'audio' && port !== 0)?.port;
    this.#address = undefined;
  }

  async record(file: string): Promise<RtpTake> {
    if (!this.#open) throw new Error('the leg is over');
    const take = await RtpTake.begin(file, this.#clock);
    this.#take = take;
    // It may have been closed while the file was being made.
    if (!this.#open) void take.stop();
    return take;
  }

  receive(packet: Buffer, remote: SocketAddress): void {
    if (remote.port !== this.#port || (this.#address ?? remote.address) !== remote.address) return;
    if (packetKind(packet) !== 'rtp' || rtpHeaderLength(packet) < 0) return;
    this.#address = remote.address;
    this.#take?.receive(packet);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    void this.#take?.stop();
    void this.#socket.close();
    this.#closed();
  }
}

export type RtpInletOptions = {
  /** A numeric address of this machine that the media engine reaches. */
  readonly address: string;
  readonly clock: Clock;
};

/** RTP endpoints of the switch itself, on any free ports of one address. */
export class RtpInlets {
  readonly #options: RtpInletOptions;
  readonly #open = new Set<RtpInlet>();
  #opening = 0;

  constructor(options: RtpInletOptions) {
    this.#options = options;
  }

  /** Those that are open. */
  get size(): number {
    return this.#open.size;
  }

  async open(): Promise<RtpInlet> {
    if (this.#open.size + this.#opening >= MOST_OPEN) throw new Error(`${MOST_OPEN} legs end here already`);
    this.#opening += 1;
    try {
      return await this.#bound();
    } finally {
      this.#opening -= 1;
    }
  }

  async #bound(): Promise<RtpInlet> {
    const { address, clock } = this.#options;
    let receive: RtpInlet['receive'] = () => undefined;
    const socket = await bindUdp({
      local: { address, port: 0 },
      handlers: { onDatagram: (packet, remote) => receive(packet, remote), onError: () => undefined },
    });
    const inlet = new RtpInlet(socket, clock, () => void this.#open.delete(inlet));
    receive = (packet, remote) => inlet.receive(packet, remote);
    this.#open.add(inlet);
    return inlet;
  }

  close(): void {
    for (const inlet of this.#open) inlet.close();
  }
}
