import type { Call } from './call.ts';
import { Stream } from './stream.ts';

/** One side of a call: a tag, or a branch that has not answered yet, with a stream for each media line. */
export class Party {
  readonly call: Call;
  tag: string | undefined;
  readonly viaBranch: string | undefined;
  label: string | undefined;
  readonly created: number;
  readonly streams: Stream[] = [];
  /** Those it is or was connected with, the latest last. */
  peers: readonly Party[] = [];
  /** Those whose media it only listens to. */
  subscriptions: readonly Party[] = [];

  constructor(call: Call, tag: string | undefined, viaBranch: string | undefined) {
    this.call = call;
    this.tag = tag;
    this.viaBranch = viaBranch;
    this.created = call.clock.wall();
  }

  get peer(): Party | undefined {
    return this.peers.at(-1);
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
