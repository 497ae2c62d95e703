import type { Clock, Timer } from './clock.ts';

class Entry implements Timer {
  readonly due: number;
  readonly action: () => void;
  wheel: TimerWheel | undefined;
  previous: Entry = this;
  next: Entry = this;

  constructor(due: number, action: () => void) {
    this.due = due;
    this.action = action;
  }

  cancel(): void {
    const { wheel } = this;
    if (wheel === undefined) return;
    this.unlink();
    wheel.gone();
  }

  unlink(): void {
    this.wheel = undefined;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = this.previous = this;
  }
}

const idle = (): void => undefined;

export type TimerWheelOptions = {
  /** Milliseconds between two turns: how much later than asked a timer may fire. */
  readonly tick?: number;
  readonly slots?: number;
};

/**
 * A clock whose timers are kept in a wheel and share one timer of the clock below: starting and cancelling one costs the
 * same however many there are. A timer fires no sooner than asked and up to one tick later. Without timers it is at rest.
 */
export class TimerWheel implements Clock {
  readonly #below: Clock;
  readonly #tick: number;
  readonly #slots: readonly Entry[];
  #count = 0;
  /** The tick up to which everything due has fired. */
  #turned: number;
  #alarm: Timer | undefined;
  #alarmTick = 0;
  #turning = false;

  constructor(below: Clock, options: TimerWheelOptions = {}) {
    this.#below = below;
    this.#tick = options.tick ?? 10;
    this.#slots = Array.from({ length: options.slots ?? 4096 }, () => new Entry(0, idle));
    this.#turned = this.#tickOf(below.now());
  }

  now(): number {
    return this.#below.now();
  }

  wall(): number {
    return this.#below.wall();
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#count;
  }

  after(ms: number, action: () => void): Timer {
    const now = this.#below.now();
    if (this.#count === 0 && !this.#turning) this.#turned = this.#tickOf(now);
    const first = (this.#turning ? this.#alarmTick : this.#turned) + 1;
    const due = Math.max(Math.ceil((now + Math.max(0, ms)) / this.#tick), first);
    const entry = new Entry(due, action);
    entry.wheel = this;
    const head = this.#slot(due);
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
    this.#count++;
    if (!this.#turning && (this.#alarm === undefined || due < this.#alarmTick)) this.#wake(due);
    return entry;
  }

  /** For entries only: one was cancelled. */
  gone(): void {
    this.#count--;
    if (this.#count > 0 || this.#turning) return;
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #tickOf(time: number): number {
    return Math.floor(time / this.#tick);
  }

  #slot(tick: number): Entry {
    return this.#slots[tick % this.#slots.length] as Entry;
  }

  #wake(tick: number): void {
    this.#alarm?.cancel();
    this.#alarmTick = tick;
    this.#alarm = this.#below.after(tick * this.#tick - this.#below.now(), () => this.#turn());
  }

  #turn(): void {
    this.#alarm = undefined;
    this.#turning = true;
    const end = Math.max(this.#tickOf(this.#below.now()), this.#alarmTick);
    this.#alarmTick = end;
    // After a long stall one round of the wheel sees every slot.
    const from = Math.max(this.#turned + 1, end - this.#slots.length + 1);
    try {
      for (let tick = from; tick <= end; tick++) {
        this.#turned = tick - 1;
        this.#fire(this.#slot(tick), end);
      }
      this.#turned = end;
    } finally {
      this.#turning = false;
      if (this.#count > 0) this.#wake(this.#nextBusy());
    }
  }

  /** The next tick whose slot holds something, looking at most a second ahead; its entries may belong to a later round. */
  #nextBusy(): number {
    const last = this.#turned + Math.min(this.#slots.length, Math.ceil(1000 / this.#tick));
    let tick = this.#turned + 1;
    while (tick < last) {
      const head = this.#slot(tick);
      if (head.next !== head) break;
      tick++;
    }
    return tick;
  }

  #fire(head: Entry, end: number): void {
    let entry = head.next;
    while (entry !== head) {
      const { next } = entry;
      if (entry.due <= end) {
        entry.unlink();
        this.#count--;
        entry.action();
        // The action may have cancelled `next`, which then links to itself.
        if (next !== head && next.wheel === undefined) {
          entry = head.next;
          continue;
        }
      }
      entry = next;
    }
  }
}
