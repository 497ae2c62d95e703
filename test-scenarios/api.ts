import { silentLogger, systemClock as clock, systemRandom as random } from '../src/base/index.ts';
import { Metrics, startHttp, type HttpLimits } from '../src/http/index.ts';
import {
  MemoryAuditStore,
  MemoryRecordStore,
  type AuditStore,
  type RecordStore,
} from '../src/stores/index.ts';
import { RecordKeeper } from '../src/switch/records/index.ts';
import { Client } from '../src/testing/http-client.ts';
import { domain, twoUsers, type Product } from './product.ts';

/** The two users with PINs: 1000 and 2000. */
export const usersWithPins = {
  ...twoUsers,
  users: twoUsers.users.map((user) => ({ ...user, pin: `${user.extension}0` })),
};

const adminToken = 'the-administrator-of-this-test';

/** The HTTP side of a product: API, metrics, records and audit log. */
export type Api = {
  readonly base: string;
  readonly admin: Client;
  readonly nobody: Client;
  readonly records: RecordStore;
  readonly audit: AuditStore;
  readonly close: () => Promise<void>;
};

/** The figures of a product. */
function metricsOf(product: Product): Metrics {
  const { directory, bindings } = product;
  return new Metrics({
    directory,
    bindings,
    product: product.product,
    bannedSources: () => 0,
    signalingConnected: () => true,
    mediaAlive: () => product.media.alive,
    unwritten: () => 0,
    unwrittenLost: () => 0,
    storeWritable: () => true,
    registersRefused: () => Promise.resolve(0),
  });
}

/** Serves the API of a product on a free port. */
export async function serveApi(product: Product, limits: Partial<HttpLimits> = {}): Promise<Api> {
  const { directory, bindings, coldRoutes, routing } = product;
  const records = new MemoryRecordStore();
  const audit = new MemoryAuditStore();
  const { events } = product.product;
  const keeper = new RecordKeeper({
    events,
    directory,
    qualityOf: (callId) => product.media.qualityOf(callId),
    keep: (record) => void records.add([record]),
    log: silentLogger,
  });
  const metrics = metricsOf(product);
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    domain,
    adminToken,
    health: () => ({
      ready: true,
      signaling: 'connected',
      media: 'alive',
      draining: false,
      store: 'writable',
    }),
    metrics,
    product: product.product,
    directory,
    bindings,
    coldRoutes,
    routing,
    records,
    audit,
    keepAudit: (entry) => void audit.append([entry]),
    limits,
    clock,
    random,
    logger: silentLogger,
  });
  const base = `http://127.0.0.1:${server.port}`;
  return {
    base,
    admin: new Client(base, adminToken),
    nobody: new Client(base, undefined),
    records,
    audit,
    close: async () => {
      await server.close();
      metrics.close();
      keeper.close();
      await keeper.settled();
    },
  };
}
