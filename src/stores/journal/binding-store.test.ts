import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { bindingStoreContract } from '../binding-store-contract.test.ts';
import type { Binding, BindingJournal, Registration } from '../binding-store.ts';
import { MemoryBindingStore } from '../memory/binding-store.ts';
import { Journal } from './journal.ts';
import { readJournal } from './read.ts';

const limits = { perDevice: 3, total: 100 };
const registration: Registration = {
  domain: 'pbx.test',
  aor: '1001',
  userId: 'ada',
  deviceId: 'desk',
  flow: { protocol: 'udp', address: '192.0.2.1', port: 5060 },
  path: [],
  callId: 'call-1',
  cseq: 1,
  contacts: [{ uri: 'sip:1001@192.0.2.1', q: 1, seconds: 60 }],
};

describe('journalled binding store', () => {
  let folder: string;
  let journal: Journal<Binding>;
  let last: MemoryBindingStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-journal-'));
    journal = new Journal({ folder, name: 'bindings', clock: systemClock, log: silentLogger });
  });
  afterEach(async () => {
    // Whatever a test did, those of the contract included, the file says what the store does.
    await journal.written();
    assert.deepEqual(byId(onDisk()), byId(last.all()));
    last.close();
    await journal.close();
    rmSync(folder, { recursive: true });
  });
  const onDisk = () => [...readJournal<Binding>(folder, 'bindings').known.values()];
  const byId = (bindings: readonly Binding[]) => bindings.toSorted((a, b) => (a.id < b.id ? -1 : 1));

  bindingStoreContract(
    'journalled',
    () => new VirtualClock(),
    async (clock, those) => {
      last = new MemoryBindingStore({ clock, limits: those, random: systemRandom });
      last.restore([], journal);
      return last;
    },
  );
  it('gives back what was there, without telling anybody, and goes on as before', async () => {
    const clock = new VirtualClock();
    const first = new MemoryBindingStore({ clock, limits, random: systemRandom });
    first.restore([], journal);
    await first.register(registration);
    first.close();

    last = new MemoryBindingStore({ clock, limits, random: systemRandom });
    const heard: string[] = [];
    for (const event of ['added', 'refreshed', 'removed'] as const)
      last.events.on(event, () => heard.push(event));
    last.restore(onDisk(), journal);
    assert.deepEqual(heard, []);
    const [before] = first.all();
    assert.deepEqual(last.all(), [before]);
    // RFC 3261 §10.3 step 7: the order of REGISTERs counts across the restart.
    assert.equal((await last.register(registration)).kind, 'stale');
    clock.advance(30_000);
    assert.equal((await last.register({ ...registration, cseq: 2 })).kind, 'ok');
    assert.equal(last.all()[0]?.id, before?.id);
    clock.advance(60_000);
    assert.deepEqual([last.size, heard], [0, ['refreshed', 'removed']]);
  });

  it('says that it is registered only when that is written', async () => {
    let done: () => void = () => undefined;
    const slow: BindingJournal = {
      put: () => undefined,
      remove: () => undefined,
      written: () => new Promise((resolve) => (done = resolve)),
    };
    last = new MemoryBindingStore({ clock: new VirtualClock(), limits, random: systemRandom });
    last.restore([], slow);
    let outcome = 'none yet';
    const registering = last.register(registration).then(({ kind }) => (outcome = kind));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(outcome, 'none yet');
    done();
    await registering;
    assert.equal(outcome, 'ok');
    last.restore([], journal);
    await last.removeDevice('desk');
  });
});
