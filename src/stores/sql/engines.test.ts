import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { auditStoreContract } from '../audit-store-contract.test.ts';
import { coldRouteStoreContract } from '../cold-route-store-contract.test.ts';
import { directoryStoreContract } from '../directory-store-contract.test.ts';
import { mailboxStoreContract } from '../mailbox-store-contract.test.ts';
import { recordStoreContract } from '../records-store-contract.test.ts';
import { routingStoreContract } from '../routing-store-contract.test.ts';
import { SqlAuditStore } from './audit-store.ts';
import { overEngines } from './fixture.test.ts';
import { SqlMailboxStore } from './mailbox-store.ts';
import { SqlRecordStore } from './record-store.ts';

const entry = {
  id: 'a',
  domain: 'pbx.test',
  at: 1,
  who: 'administrator',
  from: '127.0.0.1',
  action: 'change',
  what: 'users/100',
} as const;

overEngines(({ title, engine }, opener) => {
  it('S2-52 the database itself refuses to change or remove an audit entry', async () => {
    const database = await opener.database();
    const store = new SqlAuditStore(database);
    await store.append([entry]);
    const statements = ["UPDATE audit SET who = 'nobody'", 'DELETE FROM audit'];
    if (engine === 'postgresql') statements.push('TRUNCATE audit');
    for (const statement of statements)
      await assert.rejects(sql.raw(statement).execute(database), /only added to/, statement);
    assert.equal((await store.list({ domain: 'pbx.test', limit: 9 })).items.length, 1);
  });

  directoryStoreContract(title, async () => (await opener.kept()).directory);
  routingStoreContract(title, () => opener.kept());
  coldRouteStoreContract(title, async () => (await opener.kept()).coldRoutes);
  recordStoreContract(title, async () => {
    const database = await opener.database();
    return { store: new SqlRecordStore(database), close: () => undefined };
  });
  mailboxStoreContract(title, async () => new SqlMailboxStore(await opener.database()));
  auditStoreContract(title, async () => {
    const database = await opener.database();
    return { store: new SqlAuditStore(database), close: () => undefined };
  });
});
