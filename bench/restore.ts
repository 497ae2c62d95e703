/**
 * How long a start takes to give registrations back, and what writing them down costs each REGISTER.
 *
 * npm run bench -- restore [--bindings 100000]
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger, systemClock as clock, systemRandom as random } from '../src/base/index.ts';
import { Journal, MemoryBindingStore, type Binding, type Registration } from '../src/stores/index.ts';
import { table } from './lib/table.ts';

const { values } = parseArgs({ options: { bindings: { type: 'string', default: '100000' } } });
const count = Number(values.bindings);
const folder = mkdtempSync(join(tmpdir(), 'flipswitch-restore-'));

const journalOf = () => new Journal<Binding>({ folder, name: 'bindings', clock, log: silentLogger });
const storeOf = () => new MemoryBindingStore({ clock, random, limits: { perDevice: 10, total: count } });

const registration = (i: number, cseq: number): Registration => ({
  domain: 'pbx.example',
  aor: String(100_000 + i),
  userId: `${100_000 + i}@pbx.example`,
  deviceId: `${100_000 + i}@pbx.example`,
  flow: { protocol: 'udp', address: `198.51.100.${i % 250}`, port: 1024 + (i % 60_000) },
  path: [],
  userAgent: 'A phone of the usual kind 4.2.17',
  callId: `${i}-9Yx0VbQwZkzQ0J2N8hO4kA`,
  cseq,
  contacts: [{ uri: `sip:${100_000 + i}@192.168.1.${i % 250}:5060;transport=udp`, q: 1, seconds: 3600 }],
});

/** Milliseconds for all of them, so many at once. */
async function register(store: MemoryBindingStore, cseq: number, atOnce: number): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < count; i += atOnce)
    // oxlint-disable-next-line no-await-in-loop -- so many at once and no more
    await Promise.all(
      Array.from({ length: Math.min(atOnce, count - i) }, (_, n) =>
        store.register(registration(i + n, cseq)),
      ),
    );
  return performance.now() - began;
}

try {
  const plain = storeOf();
  const withoutJournal = await register(plain, 1, 50);
  plain.close();
  const journal = journalOf();
  const store = storeOf();
  store.restore([], journal);
  const withJournal = await register(store, 1, 50);
  store.close();
  await journal.close();
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);

  const began = performance.now();
  const again = journalOf();
  const read = performance.now();
  const restored = storeOf();
  restored.restore(again.known.values(), again);
  const ready = performance.now();
  if (restored.size !== count) throw new Error(`${restored.size} of ${count} are there`);
  await again.written();
  restored.close();
  await again.close();
  const perRegister = (ms: number) => (1000 * ms) / count;
  console.log(
    table([
      { what: 'registrations', figure: count },
      { what: 'journal, MB', figure: bytes / 1e6 },
      { what: 'read, ms', figure: read - began },
      { what: 'into the store, ms', figure: ready - read },
      { what: 'restored in, ms', figure: ready - began },
      { what: 'a REGISTER in memory, µs', figure: perRegister(withoutJournal) },
      { what: 'a REGISTER journalled, 50 at once, µs', figure: perRegister(withJournal) },
    ]),
  );
} finally {
  rmSync(folder, { recursive: true });
}
