import assert from 'node:assert/strict';
import { MemoryMailboxStore, type MailboxStore, type VoiceMessage } from './index.ts';

const message = (id: string, at: number, more: Partial<VoiceMessage> = {}): VoiceMessage => ({
  id,
  domain: 'pbx.test',
  userId: 'u100',
  at,
  seconds: 4.5,
  from: '200',
  name: 'Bob',
  callId: 'c1',
  heard: false,
  ...more,
});

/** What every `MailboxStore` has to do; `make` yields an empty one. */
export function mailboxStoreContract(name: string, make: () => Promise<MailboxStore>): void {
  describe(`mailbox store: ${name}`, () => {
    let store: MailboxStore;
    beforeEach(async () => {
      store = await make();
    });
    const ids = async (query: Partial<Parameters<MailboxStore['list']>[0]> = {}) =>
      (await store.list({ userId: 'u100', limit: 10, ...query })).items.map(({ id }) => id);

    it('gives back what was put, to its user only', async () => {
      await store.put(message('a', 1));
      assert.deepEqual(await store.get('u100', 'a'), message('a', 1));
      assert.equal(await store.get('u200', 'a'), undefined);
      assert.equal(await store.get('u100', 'b'), undefined);
      assert.deepEqual(await ids({ userId: 'u200' }), []);
    });

    it('lists the newest first, page by page, and those not heard alone', async () => {
      for (const [id, at] of [
        ['a', 1],
        ['b', 3],
        ['c', 3],
        ['d', 2],
      ] as const)
        await store.put(message(id, at, { heard: id === 'b' }));
      assert.deepEqual(await ids(), ['c', 'b', 'd', 'a']);
      assert.deepEqual(await ids({ heard: false }), ['c', 'd', 'a']);
      assert.deepEqual(await ids({ heard: true }), ['b']);
      const first = await store.list({ userId: 'u100', limit: 2 });
      assert.deepEqual(await ids({ after: first.next ?? '', limit: 2 }), ['d', 'a']);
      assert.equal((await store.list({ userId: 'u100', limit: 4 })).next, undefined);
    });

    it('counts, and replaces what is there', async () => {
      assert.deepEqual(await store.count('u100'), { all: 0, unheard: 0 });
      await store.put(message('a', 1));
      await store.put(message('b', 2));
      await store.put(message('c', 2, { userId: 'u200' }));
      assert.deepEqual(await store.count('u100'), { all: 2, unheard: 2 });
      await store.put(message('a', 1, { heard: true }));
      assert.deepEqual(await store.count('u100'), { all: 2, unheard: 1 });
      assert.equal((await store.get('u100', 'a'))?.heard, true);
    });

    it('removes once, and only for its user', async () => {
      await store.put(message('a', 1));
      assert.equal(await store.remove('u200', 'a'), false);
      assert.equal(await store.remove('u100', 'a'), true);
      assert.equal(await store.remove('u100', 'a'), false);
      assert.deepEqual(await ids(), []);
    });
  });
}

describe('mailbox stores', () => {
  mailboxStoreContract('memory', () => Promise.resolve(new MemoryMailboxStore()));
});
