import type { Call } from '../call/call.ts';
import type { Leg } from '../call/leg.ts';
import type { Dialog, DialogListener, Reason } from '../call/signaling.ts';
import { begin, type Sound } from '../call/sound.ts';
import type { AudioInlet, Take } from './audio-inlet.ts';

/** Why something that was asked of a leg is over; `gone`: the other side hung up, or was taken elsewhere. */
type Over<E extends string> = { readonly ended: E | 'gone'; readonly key?: string };

export type Played = Over<'played' | 'key' | 'failed'>;

export type CollectOptions = {
  /** Heard before; any key ends it and counts. */
  readonly prompt?: readonly Sound[];
  readonly min?: number;
  readonly max: number;
  /** Ends the digits, and is none of them; `#` where nothing else is said, none where it is empty. */
  readonly terminator?: string;
  readonly firstDigitMs?: number;
  readonly betweenMs?: number;
};

export type Collected = {
  readonly digits: string;
  readonly ended: 'terminator' | 'length' | 'pause' | 'gone';
  /** There are `min` digits or more. */
  readonly enough: boolean;
};

export type RecordOptions = {
  /** A WAV file to be made, which must not exist yet. */
  readonly file: string;
  readonly maxSeconds: number;
  /** Ends when nothing but a quiet line was heard for so long; never where it is absent. */
  readonly silenceSeconds?: number;
  /** Keys that end it. */
  readonly terminators?: string;
  /** Whether a beep says that it begins. */
  readonly beep?: boolean;
};

export type Recorded = Over<'key' | 'silence' | 'limit' | 'failed'> & {
  readonly file: string;
  /** Of what is in the file; 0 without one. */
  readonly seconds: number;
  /** Whether anything was louder than a quiet line. */
  readonly spoken: boolean;
};

type Event = { readonly kind: 'key'; readonly key: string } | { readonly kind: 'gone' | 'time' };

/** How often a recording is looked at. */
const lookMs = 100;
/** Keys that wait to be looked at; more than anybody presses meanwhile. */
const mostKeys = 64;

const collectDefaults = { prompt: [], min: 1, terminator: '#', firstDigitMs: 5000, betweenMs: 3000 };

const isKey = (keys: string, { key }: { readonly key: string }): boolean => keys.includes(key);

/**
 * A leg that ends in the switch: what answers a call in place of a phone. `play`, `collect` and `record` run one at a
 * time, each to an end of its own; all of them end at once when the call does. The media engine plays; what the other
 * side says arrives at an inlet, by RTP, whichever engine it is.
 */
export class Terminal {
  readonly leg: Leg;
  /** By it, the call treats the leg as any phone's. */
  readonly dialog: Dialog;
  readonly #call: Call;
  readonly #inlet: AudioInlet;
  readonly #connected = Promise.withResolvers<boolean>();
  readonly #closed: () => void;
  #listener: DialogListener | undefined;
  #gone = false;
  /** Pressed while something runs that wants to know. */
  #keys: string[] | undefined;
  #wake: (() => void) | undefined;

  constructor(call: Call, leg: Leg, inlet: AudioInlet, closed: () => void) {
    this.#call = call;
    this.leg = leg;
    this.#inlet = inlet;
    this.#closed = closed;
    this.dialog = {
      callId: call.id,
      localTag: leg.tag,
      remoteTag: 'terminal',
      target: 'sip:terminal.invalid',
      listen: (listener) => void (this.#listener = listener),
      bye: () => this.#end(),
      reinvite: (sdp) => {
        // Another media engine took the call over: from here on it sends from elsewhere.
        inlet.hear(sdp);
        return Promise.resolve(leg.sdp);
      },
      request: (method) =>
        Promise.resolve(
          method === 'OPTIONS'
            ? { status: 200, reason: 'OK' }
            : { status: 405, reason: 'Method Not Allowed' },
        ),
    };
  }

  /** Resolves when the other side hears this one: false when it never will. */
  get connected(): Promise<boolean> {
    return this.#connected.promise;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** The other side has been answered, and is connected with this one. */
  connect(): void {
    this.#connected.resolve(true);
  }

  /** A key of the other side. */
  pressed(key: string): void {
    if (this.#keys === undefined || this.#keys.length >= mostKeys) return;
    this.#keys.push(key);
    this.#wake?.();
  }

  /** Plays one sound after the other; a key of `stopKeys` ends it, and is told. */
  play(sounds: readonly Sound[], { stopKeys = '' }: { readonly stopKeys?: string } = {}): Promise<Played> {
    return this.#alone(() => this.#playAll(sounds, stopKeys));
  }

  /** Takes digits, by telephone events or INFO, until there are enough or nothing more comes. */
  collect(options: CollectOptions): Promise<Collected> {
    return this.#alone(() => this.#collect(options));
  }

  /** Records what the other side says. It never rejects: `failed` says that the file could not be made or written. */
  record(options: RecordOptions): Promise<Recorded> {
    return this.#alone(() => this.#record(options));
  }

  /** Hangs up, as a phone does. */
  hangUp(reason?: Reason): void {
    const listener = this.#listener;
    if (this.#gone) return;
    this.#end();
    listener?.ended(reason);
  }

  #end(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#connected.resolve(false);
    this.#inlet.close();
    this.#wake?.();
    this.#closed();
  }

  async #alone<T>(run: () => Promise<T>): Promise<T> {
    if (this.#keys !== undefined) throw new Error('a leg plays, collects or records one at a time');
    this.#keys = [];
    try {
      return await run();
    } finally {
      this.#keys = undefined;
    }
  }

  async #playAll(sounds: readonly Sound[], stopKeys: string): Promise<Played> {
    for (const sound of sounds) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      const played = await this.#play(sound, stopKeys);
      if (played.ended !== 'played') return played;
    }
    return { ended: 'played' };
  }

  async #play(sound: Sound, stopKeys: string): Promise<Played> {
    const { clock } = this.#call.context;
    const ms = await this.#start(sound);
    if (ms === undefined) return { ended: this.#gone ? 'gone' : 'failed' };
    for (const until = clock.now() + ms; clock.now() < until;) {
      // oxlint-disable-next-line no-await-in-loop -- key after key
      const event = await this.#next(until - clock.now());
      if (event.kind === 'gone') return { ended: 'gone' };
      if (event.kind !== 'key' || !isKey(stopKeys, event)) continue;
      this.#stop();
      return { ended: 'key', key: event.key };
    }
    return { ended: this.#gone ? 'gone' : 'played' };
  }

  /** Yields how long it plays; undefined where the media engine cannot, or the call is over. */
  async #start(sound: Sound): Promise<number | undefined> {
    const to = this.#heardBy;
    if (this.#gone || to === undefined) return undefined;
    try {
      return await begin(this.#call.media, to.tag, sound);
    } catch (error) {
      this.#call.log.warn({ error: String(error) }, 'sound not played');
      return undefined;
    }
  }

  #stop(): void {
    const to = this.#heardBy;
    if (to === undefined || this.#gone) return;
    this.#call.media.command('stop media', { 'from-tag': to.tag }).catch(() => undefined);
  }

  async #collect(options: CollectOptions): Promise<Collected> {
    const { prompt, min, max, terminator, firstDigitMs, betweenMs } = { ...collectDefaults, ...options };
    const over = (digits: string, ended: Collected['ended']): Collected => ({
      digits,
      ended,
      enough: digits.length >= min,
    });
    const { key: first, ended } = await this.#playAll(prompt, '0123456789*#ABCD');
    if (ended === 'gone') return over('', 'gone');
    if (first !== undefined) this.#keys?.unshift(first);
    for (let digits = ''; ;) {
      // oxlint-disable-next-line no-await-in-loop -- key after key
      const event = await this.#next(digits === '' ? firstDigitMs : betweenMs);
      if (event.kind !== 'key') return over(digits, event.kind === 'gone' ? 'gone' : 'pause');
      if (event.key === terminator) return over(digits, 'terminator');
      digits += event.key;
      if (digits.length >= max) return over(digits, 'length');
    }
  }

  async #record({ file, beep = true, ...options }: RecordOptions): Promise<Recorded> {
    const heard = beep ? await this.#playAll([{ tone: 'beep' }], '') : undefined;
    const nothing = { file, seconds: 0, spoken: false };
    if (heard?.ended === 'gone' || this.#gone) return { ...nothing, ended: 'gone' };
    let take: Take;
    try {
      take = await this.#inlet.record(file);
    } catch (error) {
      this.#call.log.error({ file, error: String(error) }, 'nothing recorded');
      return { ...nothing, ended: this.#gone ? 'gone' : 'failed' };
    }
    const quiet = take.loudAt;
    const why = await this.#until(take, options);
    const seconds = await take.stop();
    const made = { file, seconds, spoken: take.loudAt > quiet };
    if (take.failure === undefined) return { ...made, ...why };
    this.#call.log.error({ file, error: String(take.failure) }, 'recording cut short');
    return { ...made, ended: 'failed' };
  }

  /** Waits for whatever ends a recording first. */
  async #until(
    take: Take,
    options: Omit<RecordOptions, 'file' | 'beep'>,
  ): Promise<Pick<Recorded, 'ended' | 'key'>> {
    const { maxSeconds, silenceSeconds = Infinity, terminators = '#' } = options;
    const { clock } = this.#call.context;
    const until = clock.now() + maxSeconds * 1000;
    for (;;) {
      const now = clock.now();
      if (take.failure !== undefined) return { ended: 'failed' };
      if (now >= until) return { ended: 'limit' };
      const quietMs = silenceSeconds * 1000 - (now - take.loudAt);
      if (quietMs <= 0) return { ended: 'silence' };
      // oxlint-disable-next-line no-await-in-loop -- look after look
      const event = await this.#next(Math.min(lookMs, until - now, quietMs));
      if (event.kind === 'gone') return { ended: 'gone' };
      if (event.kind === 'key' && isKey(terminators, event)) return { ended: 'key', key: event.key };
    }
  }

  get #heardBy(): Leg | undefined {
    const party = this.#call.partyOf(this.leg);
    return party === undefined ? undefined : this.#call.other(party).leg;
  }

  /** The next key, the end of the leg, or that so much time has passed without either. */
  async #next(ms: number): Promise<Event> {
    if (!this.#gone && this.#keys?.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = this.#call.context.clock.after(ms, resolve);
      await promise;
      timer.cancel();
      this.#wake = undefined;
    }
    if (this.#gone) return { kind: 'gone' };
    const key = this.#keys?.shift();
    return key === undefined ? { kind: 'time' } : { kind: 'key', key };
  }
}
