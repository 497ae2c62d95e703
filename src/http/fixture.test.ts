import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemRandom } from '../base/index.ts';
import { MemoryAuditStore, MemoryMailboxStore, MemoryRecordStore } from '../stores/index.ts';
import { hashPin } from '../switch/directory/index.ts';
import { World, domain } from '../switch/testing/world.ts';
import { VirtualClock } from '../testing/index.ts';
import { Client } from '../testing/http-client.ts';
import { Metrics, startHttp, type Health, type HttpLimits, type HttpServer } from './index.ts';

export const adminToken = 'the-right-token-of-the-administrator';
const supervisorToken = 'the-right-token-of-a-supervisor';

/** The API over real HTTP, in front of a switch on virtual time. Users 100 and 200 have the PINs 1000 and 2000. */
export class ApiWorld {
  readonly mailboxes: { readonly store: MemoryMailboxStore; readonly folder: string };
  readonly clock: VirtualClock;
  readonly world: World;
  readonly records: MemoryRecordStore;
  readonly audit: MemoryAuditStore;
  readonly metrics: Metrics;
  readonly server: HttpServer;
  readonly admin: Client;
  readonly supervisor: Client;
  readonly nobody: Client;
  readonly state: { health: Health };

  private constructor(
    parts: Pick<
      ApiWorld,
      'mailboxes' | 'clock' | 'world' | 'metrics' | 'server' | 'records' | 'audit' | 'state'
    >,
  ) {
    this.mailboxes = parts.mailboxes;
    this.clock = parts.clock;
    this.world = parts.world;
    this.records = parts.records;
    this.audit = parts.audit;
    this.state = parts.state;
    this.metrics = parts.metrics;
    this.server = parts.server;
    const base = `http://127.0.0.1:${parts.server.port}`;
    this.admin = new Client(base, adminToken);
    this.supervisor = new Client(base, supervisorToken);
    this.nobody = new Client(base, undefined);
  }

  static async start(limits: Partial<HttpLimits> = {}, port = 0): Promise<ApiWorld> {
    const clock = new VirtualClock();
    const mailboxes = { store: new MemoryMailboxStore(), folder: mkdtempSync(join(tmpdir(), 'mailboxes-')) };
    const world = await World.create(clock, {}, undefined, { mailboxes });
    world.engine.heard.add('*');
    for (const user of world.directory.users(domain))
      await world.directory.putUser({ ...user, pin: hashPin(`${user.extension}0`, systemRandom) });
    const metrics = new Metrics({
      directory: world.directory,
      bindings: world.bindings,
      product: world.core,
      bannedSources: () => 0,
      signalingConnected: () => true,
      mediaAlive: () => false,
      unwritten: () => 0,
      unwrittenLost: () => 0,
      storeWritable: () => true,
      invitesShed: () => Promise.resolve(7),
      registersRefused: () => Promise.resolve(8),
    });
    const { directory, bindings, coldRoutes, routing, core } = world;
    const records = new MemoryRecordStore();
    const audit = new MemoryAuditStore();
    const state: { health: Health } = {
      health: { ready: true, signaling: 'connected', media: 'alive', draining: false, store: 'writable' },
    };
    const server = await startHttp({
      host: '127.0.0.1',
      port,
      domain,
      adminToken,
      supervisorToken,
      health: () => state.health,
      metrics,
      product: core,
      directory,
      bindings,
      coldRoutes,
      routing,
      records,
      audit,
      keepAudit: (entry) => void audit.append([entry]),
      limits,
      clock,
      random: systemRandom,
      logger: silentLogger,
    });
    return new ApiWorld({ mailboxes, clock, world, metrics, server, records, audit, state });
  }

  async close(): Promise<void> {
    await this.server.close();
    this.metrics.close();
    for (const call of this.world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    this.world.close();
    rmSync(this.mailboxes.folder, { recursive: true });
  }
}
