import { Counter, Histogram, type Registry } from 'prom-client';
import type { Emitter } from '../base/index.ts';
import type { CallEvents, CallView } from '../switch/index.ts';

/** What became of a call, in few words: metrics must not grow with the calls. */
function resultOf({ answeredAt, endedBy, ended }: CallView): string {
  if (answeredAt !== undefined) return 'answered';
  if (endedBy === 'caller') return 'cancelled';
  if (ended?.cause === 486 || ended?.cause === 600) return 'busy';
  if (ended?.cause === 480 || ended?.cause === 408) return 'no answer';
  return 'failed';
}

/** Counts calls by what became of them, how long they rang and how long they talked. Yields what ends the counting. */
export function countCalls(registry: Registry, events: Emitter<CallEvents>): () => void {
  const registers = [registry];
  const begun = new Counter({ name: 'flipswitch_calls_started_total', help: 'Calls that began', registers });
  const ended = new Counter({
    name: 'flipswitch_calls_ended_total',
    help: 'Calls that are over, by what became of them',
    labelNames: ['result'] as const,
    registers,
  });
  const refused = new Counter({
    name: 'flipswitch_calls_refused_total',
    help: 'INVITEs answered 503 before a call was made: overload, limit, rate, draining',
    labelNames: ['because'] as const,
    registers,
  });
  const answer = new Histogram({
    name: 'flipswitch_call_answer_seconds',
    help: 'From the beginning of a call to its answer',
    buckets: [1, 2, 5, 10, 20, 30, 60, 120],
    registers,
  });
  const talk = new Histogram({
    name: 'flipswitch_call_talk_seconds',
    help: 'From the answer of a call to its end',
    buckets: [5, 15, 30, 60, 180, 600, 1800, 3600, 14_400],
    registers,
  });
  const offs = [
    events.on('started', () => begun.inc()),
    events.on('refused', ({ because }) => refused.inc({ because })),
    events.on('ended', (view) => {
      const { startedAt, answeredAt, endedAt } = view;
      ended.inc({ result: resultOf(view) });
      if (answeredAt === undefined) return;
      answer.observe((answeredAt - startedAt) / 1000);
      if (endedAt !== undefined) talk.observe((endedAt - answeredAt) / 1000);
    }),
  ];
  return () => offs.forEach((off) => off());
}
