import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock as clock, systemRandom as random } from '../base/index.ts';
import { parseConfig } from '../config/index.ts';
import { Journal, MemoryBindingStore, MemoryDirectoryStore, type Binding } from '../stores/index.ts';
import { Opened } from './closing.ts';
import { keepBindings } from './journals.ts';

const domain = 'pbx.test';

const binding = (id: string, more: Partial<Binding> = {}): Binding => ({
  id,
  domain,
  aor: '1001',
  userId: 'ada',
  deviceId: 'desk',
  contact: `sip:${id}@192.0.2.1`,
  flow: { protocol: 'udp', address: '192.0.2.1', port: 5060 },
  path: [],
  q: 1,
  callId: id,
  cseq: 1,
  registeredAt: clock.wall(),
  refreshedAt: clock.wall(),
  expiresAt: clock.wall() + 3_600_000,
  ...more,
});

const known = [
  binding('udp'),
  binding('tcp', { flow: { protocol: 'tcp', address: '192.0.2.1', port: 40_001 } }),
  binding('wss', { flow: { protocol: 'wss', address: '192.0.2.1', port: 40_002 } }),
  binding('expired', { expiresAt: clock.wall() - 1 }),
  binding('device gone', { deviceId: 'sold' }),
  binding('user gone', { userId: 'eve', deviceId: 'desk' }),
  // A phone on its user's own credentials has no entry in the directory.
  binding('shared', { deviceId: 'ada#urn:uuid:1' }),
];

describe('registrations of an earlier process', () => {
  let folder: string;
  let opened: Opened;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-journals-'));
    opened = new Opened();
    const journal = new Journal<Binding>({ folder, name: 'bindings', clock, log: silentLogger });
    for (const one of known) journal.put(one.id, one);
    await journal.close();
  });
  afterEach(async () => {
    await opened.close(silentLogger);
    rmSync(folder, { recursive: true });
  });

  const restored = async (signaling: object): Promise<string[]> => {
    const text = JSON.stringify({ domain, signaling });
    const settings = parseConfig({ name: 'test', folder, text }, {});
    const directory = new MemoryDirectoryStore();
    await directory.putDomain({ name: domain, aliases: [] });
    const credentials = { username: '100', ha1: {} } as never;
    await directory.putUser({ id: 'ada', domain, extension: '100', name: 'Ada', credentials });
    await directory.putDevice({
      id: 'desk',
      domain,
      userId: 'ada',
      extension: '1001',
      name: 'Desk',
      kind: 'desk',
      trusted: true,
    });
    const bindings = new MemoryBindingStore({ clock, random, limits: { perDevice: 10, total: 100 } });
    opened.add('bindings', () => bindings.close());
    await keepBindings({ folder, settings }, { directory, bindings }, opened, silentLogger);
    return bindings
      .all()
      .map(({ id }) => id)
      .toSorted();
  };

  it('S0-69 phones on UDP are there; connections went with the engine that held them, the rest is of no use', async () => {
    assert.deepEqual(await restored({ engine: 'embedded' }), ['shared', 'udp']);
    // What was left out is forgotten for good.
    await opened.close(silentLogger);
    assert.deepEqual(await restored({ engine: 'embedded' }), ['shared', 'udp']);
  });

  it('connections to a drachtio-server outlive the switch, and so does what was registered over them', async () => {
    const engine = { engine: 'drachtio', host: '127.0.0.1', port: 9022, secret: 'cymru' };
    assert.deepEqual(await restored(engine), ['shared', 'tcp', 'udp', 'wss']);
  });
});
