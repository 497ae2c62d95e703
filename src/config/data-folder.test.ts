import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../base/index.ts';
import { ConfigurationError, adminToken, demoUsers, openDataFolder } from './index.ts';

describe('data folder', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'flipswitch-'));
  });
  afterEach(() => rmSync(parent, { recursive: true }));
  const open = () => openDataFolder(join(parent, 'deep', 'data'));

  it('is made where it is not there', () => {
    assert.equal(open().wasEmpty, true);
    writeFileSync(join(parent, 'deep', 'data', 'x'), '');
    assert.equal(open().wasEmpty, false);
  });

  it('S0-05 gets two demo users with three devices each at the first start, and keeps them', () => {
    const first = demoUsers(open(), systemRandom);
    const second = demoUsers(open(), systemRandom);
    assert.ok(first && second);
    assert.deepEqual(second, first);
    assert.deepEqual(
      first.users.map((user) => user.devices.map((device) => device.extension)),
      [
        ['1001', '1002', '1003'],
        ['2001', '2002', '2003'],
      ],
    );
    assert.equal(statSync(first.file).mode & 0o777, 0o600);
  });

  it('makes passwords that differ in every device and in every installation', () => {
    const passwords = new Set<string>();
    for (const name of ['a', 'b', 'c']) {
      const made = demoUsers(openDataFolder(join(parent, name)), systemRandom);
      for (const user of made?.users ?? []) for (const { password } of user.devices) passwords.add(password);
    }
    assert.equal(passwords.size, 18);
    for (const password of passwords) assert.match(password, /^[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$/);
  });

  it('makes no demo users where other data is', () => {
    open();
    writeFileSync(join(parent, 'deep', 'data', 'flipswitch.db'), '');
    assert.equal(demoUsers(open(), systemRandom), undefined);
  });

  it('refuses damaged demo users in words', () => {
    const made = demoUsers(open(), systemRandom);
    for (const text of ['{', '{}', '[1]', 'null']) {
      writeFileSync(made?.file ?? '', text);
      assert.throws(
        () => demoUsers(open(), systemRandom),
        /demo-users\.json cannot be used:\n {2}it is damaged/,
      );
    }
  });

  it('keeps an administrator’s token of its own, for the owner only', () => {
    const { token, file } = adminToken(open(), systemRandom);
    assert.match(token, /^[0-9a-f]{48}$/);
    assert.equal(adminToken(open(), systemRandom).token, token);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(file, 'utf8'), `${token}\n`);
  });

  it('says when the folder cannot be used', () => {
    writeFileSync(join(parent, 'file'), '');
    assert.throws(() => openDataFolder(join(parent, 'file')), ConfigurationError);
    assert.throws(() => openDataFolder(join(parent, 'file', 'below')), /data: ENOTDIR/);
  });
});
