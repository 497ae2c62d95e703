/** A pending timer. Cancelling one that has fired or was cancelled does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as an argument: everything below the sockets takes a clock instead of reading one, so that tests run
 * hours of SIP timers in a blink (`testing/virtual-clock.ts`).
 */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin; for intervals. */
  now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z; for what people read. */
  wall(): number;
  /** Runs `action` once, no sooner than `ms` milliseconds from now. */
  after(ms: number, action: () => void): Timer;
}

/** The machine's own clock. A pending timer keeps the process alive, as Node's do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, action) {
    const handle = setTimeout(action, Math.max(0, ms));
    return { cancel: () => clearTimeout(handle) };
  },
};
