import type { Sdp, SdpAddress, SdpLine } from '../../sdp/index.ts';
import type { Call } from './call.ts';
import { Stream } from './stream.ts';

/** By their name recorders, and tests, know the descriptions of an rtpengine. */
const OWN_SESSION = 'rtpengine-flipswitch';

/** One side of a call: a tag, or a branch that has not answered yet, with a stream for each media line. */
export class Party {
  readonly call: Call;
  tag: string | undefined;
  readonly viaBranch: string | undefined;
  label: string | undefined;
  readonly created: number;
  readonly streams: Stream[] = [];
  /** Of a recording: the caller's or the other, and that of whomever it takes over from. */
  side: 'left' | 'right' | undefined;
  /** Its own description, the latest. */
  description: Sdp | undefined;
  /** Those it is or was connected with, the latest last. */
  peers: readonly Party[] = [];
  /** Those whose media it only listens to. */
  subscriptions: readonly Party[] = [];
  /** The SSRC of the relay's reports to it while it is sent no media, and the name in them (RFC 3550 §6.5.1). */
  readonly ssrc: number;
  readonly cname: string;
  mediaBlocked = false;
  mediaSilenced = false;
  dtmfBlocked = false;
  /** Of the descriptions that the relay makes for it in nobody else's name (RFC 8866 §5.2). */
  #sessionId = 0;
  #sessionVersion = 0;
  /** Whether its sound is to be searched for digits although it could send events. */
  detectsDigits = false;

  constructor(call: Call, tag: string | undefined, viaBranch: string | undefined) {
    this.call = call;
    this.tag = tag;
    this.viaBranch = viaBranch;
    this.created = call.clock.wall();
    this.ssrc = Math.floor(call.random.unit() * 0x1_0000_0000);
    this.cname = call.random.hex(8);
  }

  /** The o= and s= lines of a description that the relay makes for this party, one version after the other. */
  ownSession({ family, address }: SdpAddress): readonly SdpLine[] {
    if (this.#sessionId === 0) {
      this.#sessionId = 1 + Math.floor(this.call.random.unit() * 0x7fff_ffff);
      this.#sessionVersion = this.#sessionId;
    } else this.#sessionVersion++;
    return [
      { type: 'v', value: '0' },
      { type: 'o', value: `- ${this.#sessionId} ${this.#sessionVersion} IN ${family} ${address}` },
      { type: 's', value: OWN_SESSION },
      { type: 't', value: '0 0' },
    ];
  }

  get peer(): Party | undefined {
    return this.peers.at(-1);
  }

  /** Nothing of what it sends is passed on but its digits. */
  get blocked(): boolean {
    return this.mediaBlocked || this.call.mediaBlocked;
  }

  /** What it sends is passed on as silence. */
  get silenced(): boolean {
    return this.mediaSilenced || this.call.mediaSilenced;
  }

  /** Its digits are not passed on. */
  get digitsBlocked(): boolean {
    return this.dtmfBlocked || this.call.dtmfBlocked;
  }

  stream(index: number): Stream {
    return (this.streams[index] ??= new Stream(this, index));
  }

  /** Makes `other` the latest peer. */
  meet(other: Party): void {
    this.peers = [...this.peers.filter((p) => p !== other), other];
  }

  forget(other: Party): void {
    this.peers = this.peers.filter((p) => p !== other);
    this.subscriptions = this.subscriptions.filter((p) => p !== other);
  }
}
