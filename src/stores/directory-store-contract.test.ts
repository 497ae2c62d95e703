import assert from 'node:assert/strict';
import { DirectoryConflict, type Device, type DirectoryStore, type User } from './directory-store.ts';

const credentials = (username: string) => ({ username, realm: 'pbx.test', md5: 'm', sha256: 's' });

const user = (extension: string, more: Partial<User> = {}): User => ({
  id: `user-${extension}`,
  domain: 'pbx.test',
  extension,
  name: `User ${extension}`,
  ...more,
});

const device = (extension: string, userId: string, more: Partial<Device> = {}): Device => ({
  id: `device-${extension}`,
  domain: 'pbx.test',
  userId,
  extension,
  name: `Phone ${extension}`,
  kind: 'desk',
  trusted: true,
  credentials: credentials(extension),
  ...more,
});

/** What every `DirectoryStore` has to do; `make` yields an empty one. */
export function directoryStoreContract(name: string, make: () => Promise<DirectoryStore>): void {
  describe(`directory store: ${name}`, () => {
    let store: DirectoryStore;
    beforeEach(async () => {
      store = await make();
      await store.putDomain({ name: 'pbx.test', aliases: ['sip.pbx.test'] });
      await store.putDomain({ name: 'other.test', aliases: [] });
      await store.putUser(user('100', { credentials: credentials('100') }));
      await store.putUser(user('200'));
      await store.putDevice(device('1001', 'user-100'));
      await store.putDevice(device('1002', 'user-100'));
      await store.putDevice(device('1003', 'user-100'));
    });

    it('S0-05 one user has three devices and more', () => {
      assert.deepEqual(
        store.devicesOf('user-100').map((d) => d.extension),
        ['1001', '1002', '1003'],
      );
      assert.deepEqual(store.devicesOf('user-200'), []);
    });

    it('finds domains by name and alias, in any case', () => {
      assert.equal(store.domain('SIP.pbx.TEST')?.name, 'pbx.test');
      assert.equal(store.domain('nowhere.test'), undefined);
    });

    it('S1-22 an account leads to its owner and to nobody else', () => {
      assert.equal(store.account('pbx.test', '1002')?.user.id, 'user-100');
      assert.equal(store.account('pbx.test', '1002')?.device?.id, 'device-1002');
      assert.equal(store.account('pbx.test', '100')?.device, undefined);
      assert.equal(store.account('pbx.test', '200'), undefined, 'a user without a password has no account');
      assert.equal(store.account('other.test', '1002'), undefined, 'domains are apart');
    });

    it('tells what an extension is', async () => {
      await store.putGroup({
        id: 'g',
        domain: 'pbx.test',
        extension: '500',
        name: 'x',
        ring: 'all',
        members: ['200', '1001', '999'],
      });
      await store.putNumber({ domain: 'pbx.test', number: '+1555', target: '100' });
      const kinds = ['100', '1001', '500', '+1555', '999'].map((e) => store.resolve('pbx.test', e)?.kind);
      assert.deepEqual(kinds, ['user', 'device', 'group', 'number', undefined]);
      const group = store.group('pbx.test', '500');
      assert.deepEqual(group && store.membersOf(group).map((m) => m.id), ['user-200', 'device-1001']);
      assert.equal(store.resolve('other.test', '100'), undefined);
    });

    it('refuses what is taken, and changes nothing then', async () => {
      await assert.rejects(store.putUser(user('1001', { id: 'thief' })), DirectoryConflict);
      await assert.rejects(
        store.putDevice(device('300', 'user-200', { credentials: credentials('1001') })),
        DirectoryConflict,
      );
      await assert.rejects(store.putDevice(device('300', 'nobody')), DirectoryConflict);
      await assert.rejects(store.putUser(user('300', { domain: 'nowhere.test' })), DirectoryConflict);
      await assert.rejects(
        store.putNumber({ domain: 'pbx.test', number: '100', target: '200' }),
        DirectoryConflict,
      );
      await assert.rejects(store.putDomain({ name: 'third.test', aliases: ['pbx.test'] }), DirectoryConflict);
      assert.equal(store.resolve('pbx.test', '300'), undefined);
      assert.equal(store.account('pbx.test', '1001')?.user.id, 'user-100');
    });

    it('lets a record move to another extension, user and username', async () => {
      await store.putDevice(device('2001', 'user-200', { id: 'device-1001' }));
      assert.equal(store.resolve('pbx.test', '1001'), undefined);
      assert.equal(store.account('pbx.test', '1001'), undefined);
      assert.deepEqual(
        store.devicesOf('user-200').map((d) => d.id),
        ['device-1001'],
      );
      assert.equal(store.devicesOf('user-100').length, 2);
    });

    it('removes a domain when nothing is in it any more', async () => {
      await assert.rejects(store.removeDomain('pbx.test'), DirectoryConflict);
      assert.equal(store.domain('sip.pbx.test')?.name, 'pbx.test');
      await store.removeUser('user-100');
      await store.removeUser('user-200');
      await store.removeDomain('pbx.test');
      assert.equal(store.domain('pbx.test'), undefined);
      assert.equal(store.domain('sip.pbx.test'), undefined);
      await store.putDomain({ name: 'other.test', aliases: ['pbx.test'] });
      assert.equal(store.domain('pbx.test')?.name, 'other.test');
      await store.removeDomain('nowhere.test');
    });

    it('removes a user with the devices', async () => {
      await store.removeUser('user-100');
      assert.equal(store.resolve('pbx.test', '100'), undefined);
      assert.equal(store.resolve('pbx.test', '1001'), undefined);
      assert.equal(store.deviceById('device-1002'), undefined);
      await store.putUser(user('1001', { id: 'new' }));
      assert.equal(store.resolve('pbx.test', '1001')?.kind, 'user');
    });

    it('keeps trunks and numbers, each in its domain', async () => {
      const trunk = {
        id: 't',
        domain: 'pbx.test',
        name: 'lab',
        host: 'h',
        port: 5060,
        transport: 'udp',
        register: false,
      } as const;
      await store.putTrunk(trunk);
      assert.deepEqual(store.trunk('pbx.test', 'lab'), trunk);
      await assert.rejects(store.putTrunk({ ...trunk, id: 'other' }), DirectoryConflict);
      await store.putNumber({ domain: 'other.test', number: '+1', target: '5' });
      assert.deepEqual(store.numbers('pbx.test'), []);
      await store.removeTrunk('t');
      await store.removeNumber('other.test', '+1');
      assert.deepEqual([...store.trunks('pbx.test'), ...store.numbers('other.test')], []);
    });

    it('says what changed', async () => {
      const seen: string[] = [];
      const stop = store.events.on('changed', (e) => seen.push(`${e.what} ${e.id} ${e.removed}`));
      await store.putUser(user('300'));
      await store.removeDevice('device-1001');
      stop();
      await store.removeUser('user-300');
      assert.deepEqual(seen, ['user user-300 false', 'device device-1001 true']);
    });
  });
}
