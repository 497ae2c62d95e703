import type { Clock, Random, Timer } from '../../base/index.ts';
import type { NgDictionary } from '../../ng/index.ts';
import type { Recording } from '../links/recording.ts';
import type { Outlet, Performance } from './outlet.ts';
import { Party } from './party.ts';
import type { PortPair } from './port-pool.ts';
import type { Stream } from './stream.ts';

/** What a call needs of the relay that it lives in. */
export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  allocate(family: 'IP4' | 'IP6'): PortPair | undefined;
  release(pair: PortPair): void;
  notify(event: NgDictionary): void;
  /** Lets a performance run; one that the outlet had before ends. */
  perform(outlet: Outlet, performance: Performance): void;
}

/** What a change of source did to a far end's stream. */
export type Turn = {
  /** Of which media line, from 1. */
  readonly media: number;
  readonly from: string;
  readonly to: string;
  readonly gapMs: number;
  /** Packets that would have filled the gap, at the interval in which they came. */
  readonly missing: number;
  readonly at: number;
};

const MOST_TURNS_KEPT = 50;

/** A call-id and its parties. */
export class Call {
  readonly id: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #host: Host;
  readonly created: number;
  lastSignal: number;
  parties: readonly Party[] = [];
  mediaBlocked = false;
  mediaSilenced = false;
  dtmfBlocked = false;
  recording: Recording | undefined;
  /** The changes of source in it, the latest last. */
  readonly turns: Turn[] = [];
  readonly #timers = new Set<Timer>();
  #labels = 0;

  constructor(id: string, host: Host) {
    this.id = id;
    this.#host = host;
    this.clock = host.clock;
    this.random = host.random;
    this.created = this.clock.wall();
    this.lastSignal = this.created;
  }

  byTag(tag: string): Party | undefined {
    return this.parties.find((p) => p.tag === tag);
  }

  byBranch(viaBranch: string): Party | undefined {
    return this.parties.find((p) => p.viaBranch === viaBranch);
  }

  byLabel(label: string): Party | undefined {
    return this.parties.find((p) => p.label === label);
  }

  add(tag: string | undefined, viaBranch: string | undefined): Party {
    const party = new Party(this, tag, viaBranch);
    // Who offers first is the caller.
    if (this.parties.length === 0) party.side = 'left';
    this.parties = [...this.parties, party];
    return party;
  }

  /** A name for a media line, the same for the life of the call (RFC 4574). */
  nextLabel(): string {
    return String(this.#labels++);
  }

  /** Sees that a stream has ports; false when there are none left. */
  equip(stream: Stream, family: 'IP4' | 'IP6'): boolean {
    if (stream.ports !== undefined) return true;
    const pair = this.#host.allocate(family);
    if (pair !== undefined) stream.open(pair);
    return pair !== undefined;
  }

  release(ports: PortPair): void {
    this.#host.release(ports);
  }

  perform(outlet: Outlet, performance: Performance): void {
    this.#host.perform(outlet, performance);
  }

  /** Lets two parties talk: each hears the other from the other's first packet on, and until then what it heard. */
  connect(a: Party, b: Party): void {
    a.side ??= b.side === 'left' ? 'right' : 'left';
    b.side ??= a.side === 'left' ? 'right' : 'left';
    a.meet(b);
    b.meet(a);
    for (let i = 0; i < Math.min(a.streams.length, b.streams.length); i++) {
      a.stream(i).feed(b.stream(i), 'dialog');
      b.stream(i).feed(a.stream(i), 'dialog');
    }
  }

  /**
   * An offer is on its way to `to`: what it sends before its answer is heard by `from` unless that hears somebody already,
   * and the other way round as soon as it has sent something.
   */
  expect(from: Party, to: Party): void {
    for (let i = 0; i < Math.min(from.streams.length, to.streams.length); i++) {
      const [here, there] = [from.stream(i), to.stream(i)];
      there.rtp.early = true;
      there.rtcp.early = true;
      here.feedEarly(there);
      there.feedEarly(here);
      there.refresh();
    }
  }

  /** Removes a party; the others go on. */
  remove(party: Party): void {
    this.parties = this.parties.filter((p) => p !== party);
    for (const other of this.parties) {
      other.forget(party);
      for (const stream of other.streams)
        for (const route of stream.routes) if (route.sink.party === party) stream.unfeed(route);
    }
    for (const stream of party.streams) stream.close();
  }

  /** Whether anybody is still connected with anybody. */
  get isAlive(): boolean {
    return this.parties.some((p) => p.peers.length > 0 || p.subscriptions.length > 0);
  }

  /** After a change of a party's descriptions. */
  refresh(party: Party): void {
    for (const stream of party.streams) {
      stream.refresh();
      stream.digits.listen(party.detectsDigits);
    }
    for (const { routes } of this.parties.flatMap((p) => p.streams))
      for (const route of routes) if (route.sink.party === party) route.refresh();
  }

  /** A far end hears another source from this packet on. */
  turned(sink: Stream, source: Stream, before: Stream | undefined): void {
    if (before === undefined) return;
    const { sentAt, started, frameMs } = sink.outlet.egress;
    const gapMs = started ? Math.round((this.clock.now() - sentAt) * 10) / 10 : 0;
    const missing = Math.max(0, Math.round(gapMs / frameMs) - 1);
    const [from, to] = [before.party.tag ?? '', source.party.tag ?? ''];
    if (this.turns.length >= MOST_TURNS_KEPT) this.turns.shift();
    this.turns.push({ media: sink.index + 1, from, to, gapMs, missing, at: this.clock.wall() });
    this.announce(source.party, {
      type: 'SOURCE',
      media: sink.index + 1,
      heard_by: sink.party.tag ?? '',
      instead_of: from,
      gap_ms: gapMs,
      missing,
    });
  }

  /** Tells of something that a party did, in the shape in which rtpengine tells of digits. */
  announce(party: Party, what: NgDictionary): void {
    const { type, ...rest } = what;
    this.#host.notify({
      callid: this.id,
      source_tag: party.tag ?? '',
      ...(party.label === undefined ? {} : { source_label: party.label }),
      tags: this.parties.flatMap((p) => (p.tag === undefined ? [] : [p.tag])),
      type,
      timestamp: Math.floor(this.clock.wall() / 1000),
      ...rest,
    });
  }

  /** Runs `action` after `ms` milliseconds unless the call has ended by then. */
  later(ms: number, action: () => void): void {
    const timer = this.clock.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  /** Ends the recording; announced as soon as the file is whole. Gives its path. */
  endRecording(): string | undefined {
    const { recording } = this;
    this.recording = undefined;
    if (recording === undefined) return undefined;
    void recording.close().then(() => this.#host.notify(recordingDone(this, recording.path)));
    return recording.path;
  }

  /** Reports, lost ends of digits, the recording: what is due now and then. */
  tick(now: number): void {
    this.recording?.tick(now);
    for (const party of this.parties)
      for (const stream of party.streams) {
        stream.reports.tick(now);
        stream.digits.expire(now);
      }
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.endRecording();
    for (const party of this.parties) for (const stream of party.streams) stream.close();
    this.parties = [];
  }
}

const recordingDone = (call: Call, file: string): NgDictionary => ({
  callid: call.id,
  type: 'RECORDING',
  timestamp: Math.floor(call.clock.wall() / 1000),
  file,
});
