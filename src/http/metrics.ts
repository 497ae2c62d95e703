import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { BindingStore, DirectoryStore } from '../stores/index.ts';
import type { Switch } from '../switch/index.ts';
import { countCalls } from './call-metrics.ts';
import { countFlips } from './flip-metrics.ts';
import { watchTrunks } from './trunk-metrics.ts';

/** Where the figures come from; each is asked when somebody looks, and costs the same however many calls there are. */
export type MetricSources = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly product: Pick<Switch, 'liveCalls' | 'events' | 'trunks'>;
  readonly bannedSources: () => number;
  readonly signalingConnected: () => boolean;
  readonly mediaAlive: () => boolean;
  /** Call records and audit entries that wait to be written, and that were lost waiting. */
  readonly unwritten: () => number;
  readonly unwrittenLost: () => number;
  /** INVITEs that the signaling engine refused because it or the switch did not keep up; absent when it cannot say. */
  readonly invitesShed?: () => Promise<number>;
  /** REGISTERs that the switch or the signaling engine refused because they did not keep up. */
  readonly registersRefused: () => Promise<number>;
  readonly storeWritable: () => boolean;
};

/** The figures of one running switch, as Prometheus reads them. Counting ends when `close` is called. */
export class Metrics {
  readonly registry = new Registry();
  readonly #stop: readonly (() => void)[];

  constructor(sources: MetricSources) {
    const { directory, bindings, product } = sources;
    collectDefaultMetrics({ register: this.registry });
    this.#gauge('flipswitch_bindings', 'Live registrations', () => bindings.size);
    this.#gauge('flipswitch_calls', 'Live calls', () => product.liveCalls());
    this.#gauge('flipswitch_banned_sources', 'Addresses banned for wrong passwords', sources.bannedSources);
    this.#gauge('flipswitch_signaling_connected', '1 when the signaling engine is connected', () =>
      Number(sources.signalingConnected()),
    );
    this.#gauge('flipswitch_media_alive', '1 when a media engine answers', () =>
      Number(sources.mediaAlive()),
    );
    this.#gauge('flipswitch_users', 'Users in the directory', () => directory.userCount());
    this.#gauge(
      'flipswitch_records_unwritten',
      'Call records and audit entries that wait to be written',
      sources.unwritten,
    );
    this.#gauge(
      'flipswitch_records_lost',
      'Call records and audit entries lost because too many waited',
      sources.unwrittenLost,
    );
    this.#gauge('flipswitch_store_writable', '1 when changes can be kept', () =>
      Number(sources.storeWritable()),
    );
    const { invitesShed } = sources;
    if (invitesShed !== undefined)
      this.#total(
        'flipswitch_invites_shed_total',
        'INVITEs answered 503 by the signaling engine because it or the switch did not keep up',
        invitesShed,
      );
    this.#total(
      'flipswitch_registers_refused_total',
      'REGISTERs answered 503 because the signaling engine or the switch did not keep up',
      sources.registersRefused,
    );
    watchTrunks(this.registry, () => product.trunks.all());
    const changes = new Counter({
      name: 'flipswitch_binding_changes_total',
      help: 'Registrations added, refreshed and removed, the last with the reason',
      labelNames: ['change', 'reason'] as const,
      registers: [this.registry],
    });
    this.#stop = [
      countCalls(this.registry, product.events),
      countFlips(this.registry, product.events),
      bindings.events.on('added', () => changes.inc({ change: 'added', reason: '' })),
      bindings.events.on('refreshed', () => changes.inc({ change: 'refreshed', reason: '' })),
      bindings.events.on('removed', ({ reason }) => changes.inc({ change: 'removed', reason })),
    ];
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.registry.clear();
  }

  #total(name: string, help: string, read: () => Promise<number>): void {
    let before = 0;
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect: async () => {
        const now = await read().catch(() => before);
        counter.inc(Math.max(0, now - before));
        before = now;
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: () => gauge.set(read()),
    });
  }
}
