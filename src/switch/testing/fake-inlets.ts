import type { Clock } from '../../base/index.ts';
import type { AudioInlet, AudioInlets, Take } from '../terminal/audio-inlet.ts';
import { phoneSdp } from './fake-phones.ts';

/** A file that is made of nothing: the test says what is heard, and what happens to the disk. */
export class FakeTake implements Take {
  readonly file: string;
  loudAt: number;
  failure: Error | undefined;
  /** In all; undefined while it runs. */
  seconds: number | undefined;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(file: string, clock: Clock) {
    this.file = file;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.loudAt = this.#startedAt;
  }

  /** The other side says something just now. */
  speaks(): void {
    this.loudAt = this.#clock.now();
  }

  stop(): Promise<number> {
    this.seconds ??= (this.#clock.now() - this.#startedAt) / 1000;
    return Promise.resolve(this.seconds);
  }
}

export class FakeInlet implements AudioInlet {
  readonly sdp: string;
  /** What it was told of where the engine sends from. */
  readonly heard: string[] = [];
  readonly takes: FakeTake[] = [];
  open = true;
  readonly #clock: Clock;
  readonly #isFull: () => boolean;

  constructor(port: number, clock: Clock, isFull: () => boolean) {
    this.sdp = phoneSdp(port);
    this.#clock = clock;
    this.#isFull = isFull;
  }

  hear(sdp: string): void {
    this.heard.push(sdp);
  }

  record(file: string): Promise<Take> {
    if (this.#isFull()) return Promise.reject(new Error('ENOSPC'));
    const take = new FakeTake(file, this.#clock);
    this.takes.push(take);
    return Promise.resolve(take);
  }

  close(): void {
    this.open = false;
    for (const take of this.takes) void take.stop();
  }
}

/** Endpoints of the switch without sockets and files. */
export class FakeInlets implements AudioInlets {
  readonly opened: FakeInlet[] = [];
  /** The disk. */
  full = false;
  /** The ports. */
  empty = false;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get latest(): FakeInlet {
    const latest = this.opened.at(-1);
    if (latest === undefined) throw new Error('nothing was opened');
    return latest;
  }

  open(): Promise<AudioInlet> {
    if (this.empty) return Promise.reject(new Error('EADDRINUSE'));
    const inlet = new FakeInlet(50_000 + 2 * this.opened.length, this.#clock, () => this.full);
    this.opened.push(inlet);
    return Promise.resolve(inlet);
  }
}
