import { performance } from 'node:perf_hooks';

/** How long a share is good for, in milliseconds. */
const windowMs = 100;

/**
 * What share of its time this thread's event loop has been busy lately, 0 to 1, measured over 100 ms and more. Cheap
 * enough to be asked for each request.
 */
export function loopLoad(): () => number {
  let last = performance.eventLoopUtilization();
  let at = performance.now();
  let share = 0;
  return () => {
    const now = performance.now();
    if (now - at < windowMs) return share;
    const current = performance.eventLoopUtilization();
    share = performance.eventLoopUtilization(current, last).utilization;
    last = current;
    at = now;
    return share;
  };
}
