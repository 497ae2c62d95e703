import assert from 'node:assert/strict';
import { systemRandom } from '../../base/index.ts';
import { DirectoryConflict, MemoryDirectoryStore } from '../../stores/index.ts';
import { domainOfHost, hashPin, pinMatches, seedDirectory, type DirectorySeed } from './index.ts';

const device = (extension: string) =>
  ({ extension, name: extension, kind: 'desk', trusted: true, password: `secret of ${extension}` }) as const;

const seed: DirectorySeed = {
  domain: 'pbx.test',
  aliases: [],
  users: [
    { extension: '100', name: 'Ada', pin: '4711', devices: [device('1001'), device('1002'), device('1003')] },
    {
      extension: '200',
      name: 'Ben',
      password: 'of Ben',
      devices: [{ ...device('2001'), username: 'ben-desk' }],
    },
  ],
  groups: [{ extension: '500', name: 'Support', ring: 'all', members: ['100', '2001'] }],
  trunks: [
    {
      name: 'lab',
      host: '192.0.2.9',
      port: 5090,
      transport: 'udp',
      register: false,
      numbers: { '+15550100': '500' },
    },
  ],
};

describe('directory seed', () => {
  it('S0-05 S1-31 puts users, their devices with names of their own, groups and trunks', async () => {
    const directory = new MemoryDirectoryStore();
    await seedDirectory(directory, seed, systemRandom);
    const ada = directory.user('pbx.test', '100');
    assert.equal(directory.devicesOf(ada?.id ?? '').length, 3);
    assert.equal(directory.account('pbx.test', 'ben-desk')?.user.name, 'Ben');
    assert.equal(directory.account('pbx.test', '200')?.device, undefined);
    assert.equal(directory.resolve('pbx.test', '+15550100')?.kind, 'number');
    assert.ok(ada?.pin !== undefined && pinMatches(ada.pin, '4711') && !pinMatches(ada.pin, '4712'));
  });

  it('keeps no password', async () => {
    const directory = new MemoryDirectoryStore();
    await seedDirectory(directory, seed, systemRandom);
    const everything = JSON.stringify([
      directory.users('pbx.test'),
      directory.users('pbx.test').flatMap((user) => directory.devicesOf(user.id)),
    ]);
    assert.doesNotMatch(everything, /secret of|of Ben|4711/);
  });

  it('changes nothing when it is laid over itself', async () => {
    const directory = new MemoryDirectoryStore();
    await seedDirectory(directory, seed, systemRandom);
    const changes: string[] = [];
    directory.events.on('changed', ({ what, id }) => changes.push(`${what} ${id}`));
    await seedDirectory(directory, seed, systemRandom);
    assert.deepEqual(
      changes.filter((change) => !change.startsWith('domain')),
      [],
    );
  });

  it('leaves users that were made otherwise, and what they have', async () => {
    const directory = new MemoryDirectoryStore();
    await seedDirectory(directory, seed, systemRandom);
    await seedDirectory(directory, { ...seed, users: [], groups: [], trunks: [] }, systemRandom);
    assert.equal(directory.users('pbx.test').length, 2);
    const [ada] = seed.users;
    assert.ok(ada);
    const renamed = { extension: '100', name: 'Ada L.', devices: [{ ...device('1001'), name: 'New' }] };
    await seedDirectory(directory, { ...seed, users: [renamed], groups: [], trunks: [] }, systemRandom);
    const user = directory.user('pbx.test', '100');
    assert.deepEqual([user?.name, user?.pin === undefined], ['Ada L.', false]);
    assert.deepEqual(
      directory
        .devicesOf(user?.id ?? '')
        .map((d) => d.name)
        .sort((a, b) => a.localeCompare(b)),
      ['1002', '1003', 'New'],
    );
  });

  it('moves to another domain, whose alias the old one becomes; who the API made there keeps it alive', async () => {
    const directory = new MemoryDirectoryStore();
    const first = await seedDirectory(directory, seed, systemRandom);
    const renamed = { ...seed, domain: 'new.test', aliases: ['pbx.test'] };
    const second = await seedDirectory(directory, renamed, systemRandom, first);
    assert.equal(directory.domain('pbx.test')?.name, 'new.test');
    assert.equal(directory.users('new.test').length, 2);
    assert.deepEqual(directory.users('pbx.test'), []);
    await directory.putUser({ id: 'made', domain: 'new.test', extension: '900', name: 'Made' });
    await seedDirectory(directory, { ...seed, domain: 'third.test' }, systemRandom, second);
    assert.deepEqual(
      directory.users('new.test').map(({ extension }) => extension),
      ['900'],
    );
  });

  it('gives and takes away what a user may do, as the file says', async () => {
    const directory = new MemoryDirectoryStore();
    const withRights = (rights: object): DirectorySeed => ({
      ...seed,
      users: [{ extension: '300', name: 'Cleo', devices: [], ...rights }],
      groups: [],
      trunks: [],
    });
    await seedDirectory(directory, withRights({ role: 'supervisor', mayGrab: true }), systemRandom);
    const { role, mayGrab } = directory.user('pbx.test', '300') ?? {};
    assert.deepEqual([role, mayGrab], ['supervisor', true]);
    await seedDirectory(directory, withRights({}), systemRandom);
    const after = directory.user('pbx.test', '300');
    assert.deepEqual([after?.role, after?.mayGrab], [undefined, false]);
  });

  for (const [what, change] of [
    ['an extension given twice', { users: [...seed.users, { extension: '1001', name: 'x', devices: [] }] }],
    ['a member that is nobody', { groups: [{ extension: '5', name: 'x', ring: 'all', members: ['9'] }] }],
    [
      'a number that leads nowhere',
      {
        trunks: [
          { name: 't', host: 'h', port: 1, transport: 'udp', register: false, numbers: { '+1': '9' } },
        ],
      },
    ],
    [
      'a username that another has',
      { users: [{ extension: '300', name: 'x', devices: [{ ...device('3001'), username: 'ben-desk' }] }] },
    ],
  ] as const)
    it(`refuses ${what}`, async () => {
      const directory = new MemoryDirectoryStore();
      await seedDirectory(directory, seed, systemRandom);
      await assert.rejects(seedDirectory(directory, { ...seed, ...change }, systemRandom), DirectoryConflict);
    });
});

describe('domains', () => {
  it('are found by name, alias, and for bare addresses by default', async () => {
    const directory = new MemoryDirectoryStore();
    await directory.putDomain({ name: 'pbx.test', aliases: ['sip.pbx.test'] });
    const found = (host: string) => domainOfHost(directory, host, 'pbx.test')?.name;
    for (const host of ['pbx.test', 'SIP.pbx.test', '192.0.2.1', '[2001:db8::1]', 'localhost'])
      assert.equal(found(host), 'pbx.test', host);
    for (const host of ['evil.test', '', '192.0.2.1.evil.test']) assert.equal(found(host), undefined, host);
  });
});

describe('PINs', () => {
  it('are kept as salted hashes', () => {
    const [one, other] = [hashPin('1234', systemRandom), hashPin('1234', systemRandom)];
    assert.notEqual(one, other);
    assert.ok(pinMatches(one, '1234') && pinMatches(other, '1234') && !pinMatches(one, '1235'));
    assert.ok(!pinMatches('plain 1234', '1234') && !pinMatches('', ''));
  });
});
