import type { NgDictionary } from '../../ng/index.ts';
import type { Relay } from '../relay/relay.ts';

/** This thread's share of the figures that `statistics` gives; the control side adds the shares up. */
export function statistics(relay: Relay): NgDictionary {
  const { totals } = relay;
  const streams = [...relay.calls.values()].flatMap((call) => call.parties.flatMap((p) => p.streams));
  const live = (key: 'packets' | 'bytes' | 'errors') => streams.reduce((sum, s) => sum + s.received[key], 0);
  return {
    sessions: relay.calls.size,
    media: streams.length,
    managed: totals.managed,
    ended: totals.ended,
    rejected: totals.rejected,
    timeouts: totals.timeouts,
    durationMs: totals.durationMs,
    packets: totals.packets + live('packets'),
    bytes: totals.bytes + live('bytes'),
    errors: totals.errors + live('errors'),
    ports: { used: relay.pools.reduce((sum, pool) => sum + pool.used, 0) },
  };
}
