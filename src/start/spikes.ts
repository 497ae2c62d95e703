import { systemClock as clock, type Emitter, type Logger } from '../base/index.ts';
import type { RecordStore } from '../stores/index.ts';
import { scan, SpikeWatch, type Spike } from '../switch/reports/index.ts';
import type { Switch } from '../switch/index.ts';
import type { Opened } from './closing.ts';

const weekMs = 7 * 24 * 3_600_000;

/** Says when far more is forwarded outside than in the week before, which is learned from the records meanwhile. */
export function watchSpikes(
  parts: { readonly product: Switch; readonly records: RecordStore; readonly domain: string },
  opened: Opened,
  log: Logger,
): Emitter<{ spike: Spike }> {
  const { product, records, domain } = parts;
  const watch = new SpikeWatch({ events: product.events, clock });
  opened.add('watch on forwarding', () => watch.close());
  watch.events.on('spike', ({ calls, usual, owner }) => {
    if (owner === undefined) log.warn({ calls, usual }, 'much more than usual is forwarded outside');
  });
  scan(records, { domain, since: clock.wall() - weekMs }, (record) => watch.learn(record)).catch(
    (error: unknown) =>
      log.warn({ error: String(error) }, 'what is usual in forwarding was not learned from the records'),
  );
  return watch.events;
}
