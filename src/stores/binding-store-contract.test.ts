import assert from 'node:assert/strict';
import type { Clock } from '../base/index.ts';
import type { Binding, BindingLimits, BindingStore, ContactChange, Registration } from './binding-store.ts';

/** A clock that a test moves. */
export type MovableClock = Clock & { advance(ms: number): void };

/** Makes an empty store for one test. */
export type MakeBindingStore = (clock: MovableClock, limits: BindingLimits) => Promise<BindingStore>;

const flow = (port = 5060) => ({ protocol: 'udp', address: '192.0.2.1', port }) as const;

const contact = (uri: string, more: Partial<ContactChange> = {}): ContactChange => ({
  uri,
  q: 1,
  seconds: 3600,
  ...more,
});

function registration(more: Partial<Registration> = {}): Registration {
  return {
    domain: 'pbx.test',
    aor: '1001',
    userId: 'ada',
    deviceId: 'desk',
    flow: flow(),
    path: [],
    callId: 'call-1',
    cseq: 1,
    contacts: [contact('sip:1001@192.0.2.1')],
    ...more,
  };
}

const contactsOf = (bindings: readonly Binding[]) => bindings.map((b) => b.contact);

/** What every `BindingStore` has to do. */
export function bindingStoreContract(
  name: string,
  clockOf: () => MovableClock,
  make: MakeBindingStore,
): void {
  describe(`binding store: ${name}`, () => {
    let clock: MovableClock;
    let store: BindingStore;
    const seen: string[] = [];

    const open = async (limits: BindingLimits = { perDevice: 3, total: 100 }) => {
      clock = clockOf();
      store = await make(clock, limits);
      seen.length = 0;
      store.events.on('added', (b) => seen.push(`added ${b.contact}`));
      store.events.on('refreshed', ({ binding }) => seen.push(`refreshed ${binding.contact}`));
      store.events.on('removed', ({ binding, reason }) => seen.push(`${reason} ${binding.contact}`));
    };
    const register = async (more: Partial<Registration> = {}) => {
      const outcome = await store.register(registration(more));
      return outcome.kind === 'ok' ? contactsOf(outcome.bindings) : outcome.kind;
    };
    beforeEach(() => open());
    afterEach(() => store.close());

    it('adds a binding and finds it by address of record, device, user, flow and id', async () => {
      assert.deepEqual(await register(), ['sip:1001@192.0.2.1']);
      const [binding] = store.all();
      assert.ok(binding);
      for (const found of [
        store.ofAor('pbx.test', '1001'),
        store.ofDevice('desk'),
        store.ofUser('ada'),
        store.ofFlow(flow()),
        [store.get(binding.id)],
      ])
        assert.deepEqual(found, [binding]);
      assert.deepEqual(store.ofAor('other.test', '1001'), []);
      assert.equal(store.size, 1);
    });

    it('S1-25 keeps several contacts of one address of record (RFC 3261 §10.3)', async () => {
      await register({ aor: '100', deviceId: 'desk', callId: 'a', contacts: [contact('sip:100@192.0.2.1')] });
      await register({ aor: '100', deviceId: 'soft', callId: 'b', contacts: [contact('sip:100@192.0.2.2')] });
      await register({ aor: '100', deviceId: 'app', callId: 'c', contacts: [contact('sip:100@192.0.2.3')] });
      assert.equal(store.ofAor('pbx.test', '100').length, 3);
      assert.deepEqual(
        store
          .ofUser('ada')
          .map((b) => b.deviceId)
          .sort(),
        ['app', 'desk', 'soft'],
      );
    });

    it('refreshes in place: same id, new expiry', async () => {
      await register();
      const [before] = store.all();
      clock.advance(60_000);
      await register({ cseq: 2 });
      const [after] = store.all();
      assert.equal(after?.id, before?.id);
      assert.equal(after?.registeredAt, before?.registeredAt);
      assert.equal((after?.expiresAt ?? 0) - (before?.expiresAt ?? 0), 60_000);
      assert.deepEqual(seen, ['added sip:1001@192.0.2.1', 'refreshed sip:1001@192.0.2.1']);
    });

    it('takes equivalent URIs for one contact (RFC 3261 §19.1.4)', async () => {
      await register({ contacts: [contact('sip:1001@HOST.test:5060;transport=TCP')] });
      assert.deepEqual(
        await register({ cseq: 2, contacts: [contact('sip:1001@host.TEST:5060;transport=tcp;line=2')] }),
        ['sip:1001@host.TEST:5060;transport=tcp;line=2'],
      );
    });

    it('refuses an older or repeated CSeq of the same Call-ID, as a whole (RFC 3261 §10.3)', async () => {
      await register({ cseq: 7 });
      assert.equal(await register({ cseq: 7 }), 'stale');
      const two = [contact('sip:new@192.0.2.9'), contact('sip:1001@192.0.2.1', { seconds: 0 })];
      assert.equal(await register({ cseq: 6, contacts: two }), 'stale');
      assert.deepEqual(contactsOf(store.all()), ['sip:1001@192.0.2.1']);
      assert.equal(await register({ cseq: 6, contacts: 'all' }), 'stale');
      assert.deepEqual(await register({ cseq: 1, callId: 'rebooted' }), ['sip:1001@192.0.2.1']);
    });

    it('removes with expiry 0, and everything with Contact: *', async () => {
      await register({ contacts: [contact('sip:a@192.0.2.1'), contact('sip:b@192.0.2.1')] });
      assert.deepEqual(await register({ cseq: 2, contacts: [contact('sip:a@192.0.2.1', { seconds: 0 })] }), [
        'sip:b@192.0.2.1',
      ]);
      assert.deepEqual(await register({ cseq: 3, contacts: 'all' }), []);
      assert.equal(store.size, 0);
      assert.deepEqual(seen.slice(2), ['unregistered sip:a@192.0.2.1', 'unregistered sip:b@192.0.2.1']);
    });

    it('lets a removal of what is not there pass', async () => {
      assert.deepEqual(await register({ contacts: [contact('sip:a@192.0.2.1', { seconds: 0 })] }), []);
      assert.deepEqual(seen, []);
    });

    it('replaces by instance and reg-id, whatever the URI (RFC 5626 §6)', async () => {
      const outbound = { instance: 'urn:uuid:1', regId: 1 };
      await register({ contacts: [contact('sip:a@192.0.2.1:1000', outbound)] });
      assert.deepEqual(
        await register({ callId: 'other', contacts: [contact('sip:a@192.0.2.1:2000', outbound)] }),
        ['sip:a@192.0.2.1:2000'],
      );
      await register({
        callId: 'second flow',
        contacts: [contact('sip:a@192.0.2.1:3000', { ...outbound, regId: 2 })],
      });
      assert.equal(store.size, 2);
    });

    it('forgets what expired, and says so', async () => {
      await register({ contacts: [contact('sip:a@192.0.2.1', { seconds: 60 })] });
      clock.advance(59_999);
      assert.equal(store.ofUser('ada').length, 1);
      clock.advance(1);
      assert.deepEqual(store.ofUser('ada'), []);
      assert.equal(store.size, 0);
      assert.deepEqual(seen, ['added sip:a@192.0.2.1', 'expired sip:a@192.0.2.1']);
    });

    it('a refresh puts expiry off', async () => {
      await register({ contacts: [contact('sip:a@192.0.2.1', { seconds: 60 })] });
      clock.advance(50_000);
      await register({ cseq: 2, contacts: [contact('sip:a@192.0.2.1', { seconds: 60 })] });
      clock.advance(50_000);
      assert.equal(store.size, 1);
    });

    it('orders by q, then newest first', async () => {
      await register({ callId: 'a', contacts: [contact('sip:low@h', { q: 0.1 })] });
      clock.advance(1);
      await register({ callId: 'b', contacts: [contact('sip:old@h', { q: 0.5 })] });
      clock.advance(1);
      await register({ callId: 'c', contacts: [contact('sip:new@h', { q: 0.5 })] });
      assert.deepEqual(contactsOf(store.ofUser('ada')), ['sip:new@h', 'sip:old@h', 'sip:low@h']);
    });

    it('pushes out the oldest of a device that has too many', async () => {
      for (const [i, host] of ['a', 'b', 'c', 'd'].entries()) {
        await register({ callId: host, contacts: [contact(`sip:1001@${host}`)] });
        clock.advance(i + 1);
      }
      assert.deepEqual(contactsOf(store.ofDevice('desk')), ['sip:1001@d', 'sip:1001@c', 'sip:1001@b']);
      assert.ok(seen.includes('replaced sip:1001@a'));
    });

    it('refuses new bindings when the table is full, but refreshes those that are there', async () => {
      store.close();
      await open({ perDevice: 3, total: 2 });
      await register({ deviceId: 'x', contacts: [contact('sip:x@h')] });
      clock.advance(1);
      await register({ deviceId: 'y', callId: 'y', contacts: [contact('sip:y@h')] });
      clock.advance(1);
      assert.equal(await register({ deviceId: 'z', callId: 'z', contacts: [contact('sip:z@h')] }), 'full');
      assert.deepEqual(await register({ deviceId: 'x', cseq: 2, contacts: [contact('sip:x@h')] }), [
        'sip:x@h',
        'sip:y@h',
      ]);
    });

    it('removes all of a flow, a device, or one by id', async () => {
      await register({ callId: 'a', flow: flow(1), contacts: [contact('sip:a@h')] });
      await register({ callId: 'b', flow: flow(1), deviceId: 'app', contacts: [contact('sip:b@h')] });
      await register({ callId: 'c', flow: flow(2), deviceId: 'app', contacts: [contact('sip:c@h')] });
      assert.equal(await store.removeFlow(flow(1)), 2);
      assert.deepEqual(contactsOf(store.all()), ['sip:c@h']);
      const [left] = store.all();
      assert.equal(await store.remove(left?.id ?? '', 'failed'), true);
      assert.equal(await store.remove(left?.id ?? '', 'failed'), false);
      await register({ callId: 'd', deviceId: 'app', contacts: [contact('sip:d@h')] });
      assert.equal(await store.removeDevice('app'), 1);
      assert.deepEqual(seen.slice(-3), ['failed sip:c@h', 'added sip:d@h', 'administrative sip:d@h']);
    });

    it('moves a binding to the flow that it was refreshed over', async () => {
      await register({ flow: flow(1) });
      await register({ flow: flow(2), cseq: 2 });
      assert.equal(await store.removeFlow(flow(1)), 0);
      assert.equal(await store.removeFlow(flow(2)), 1);
    });
  });
}
