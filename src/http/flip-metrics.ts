import { Counter, Histogram, type Registry } from 'prom-client';
import type { Emitter } from '../base/index.ts';
import type { CallEvents, FlipView } from '../switch/index.ts';

type Figure = 'setup_ms' | 'audio_ms' | 'audio_back_ms' | 'gap_ms' | 'lost_packets';

const figures: Readonly<Record<Figure, { name: string; help: string; buckets: number[] }>> = {
  setup_ms: {
    name: 'flipswitch_flip_setup_ms',
    help: 'From the request to the answer of the new device',
    buckets: [10, 20, 50, 100, 500, 1000, 5000, 10_000, 30_000],
  },
  audio_ms: {
    name: 'flipswitch_flip_audio_ms',
    help: 'From the answer to the first packet of the new device',
    buckets: [5, 10, 20, 30, 50, 100, 200, 500, 1000],
  },
  audio_back_ms: {
    name: 'flipswitch_flip_audio_back_ms',
    help: 'From the answer to the first packet that the new device was sent',
    buckets: [5, 10, 20, 30, 50, 100, 200, 500, 1000],
  },
  gap_ms: {
    name: 'flipswitch_flip_gap_ms',
    help: 'Between the last packet of the old device and the first of the new one, as they left for the other party',
    buckets: [5, 10, 20, 25, 30, 40, 60, 100, 250, 1000],
  },
  lost_packets: {
    name: 'flipswitch_flip_lost_packets',
    help: 'Packets that the other party missed in that gap',
    buckets: [0, 1, 2, 5, 10, 50],
  },
};

/** Counts flips by kind and result, and what the ones that succeeded cost. Yields what ends the counting. */
export function countFlips(registry: Registry, events: Emitter<CallEvents>): () => void {
  const count = new Counter({
    name: 'flipswitch_flips_total',
    help: 'Flips that are over',
    labelNames: ['kind', 'result'] as const,
    registers: [registry],
  });
  const histograms = Object.entries(figures).map(([figure, { name, help, buckets }]) => {
    const histogram = new Histogram({
      name,
      help,
      buckets,
      labelNames: ['kind'] as const,
      registers: [registry],
    });
    return { figure: figure as Figure, histogram };
  });
  return events.on('flip', ({ flip }: { readonly flip: FlipView }) => {
    const { kind, result } = flip;
    if (result !== 'moved' && result !== 'failed') return;
    count.inc({ kind, result });
    if (result === 'failed') return;
    for (const { figure, histogram } of histograms) {
      const value = flip[figure];
      if (value !== undefined) histogram.observe({ kind }, value);
    }
  });
}
