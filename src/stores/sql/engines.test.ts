import { auditStoreContract } from '../audit-store-contract.test.ts';
import { coldRouteStoreContract } from '../cold-route-store-contract.test.ts';
import { directoryStoreContract } from '../directory-store-contract.test.ts';
import { recordStoreContract } from '../records-store-contract.test.ts';
import { routingStoreContract } from '../routing-store-contract.test.ts';
import { SqlAuditStore } from './audit-store.ts';
import { overEngines } from './fixture.test.ts';
import { SqlRecordStore } from './record-store.ts';

overEngines(({ title }, opener) => {
  directoryStoreContract(title, async () => (await opener.kept()).directory);
  routingStoreContract(title, () => opener.kept());
  coldRouteStoreContract(title, async () => (await opener.kept()).coldRoutes);
  recordStoreContract(title, async () => {
    const database = await opener.database();
    return { store: new SqlRecordStore(database), close: () => undefined };
  });
  auditStoreContract(title, async () => {
    const database = await opener.database();
    return { store: new SqlAuditStore(database), close: () => undefined };
  });
});
