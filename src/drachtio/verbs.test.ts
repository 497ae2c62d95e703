import assert from 'node:assert/strict';
import { Verbs } from './verbs.ts';

const app = (name: string, ...tags: string[]) => ({ name, tags: new Set(tags) });

describe('verbs', () => {
  it('picks round robin', () => {
    const verbs = new Verbs<ReturnType<typeof app>>();
    for (const name of ['a', 'b', 'c']) verbs.add('invite', app(name));
    const picked = Array.from({ length: 7 }, () => verbs.pick('invite')?.name).join('');
    assert.equal(picked, 'abcabca');
    assert.equal(verbs.pick('register'), undefined);
  });

  it('picks among those with a tag', () => {
    const verbs = new Verbs<ReturnType<typeof app>>();
    verbs.add('invite', app('a'));
    verbs.add('invite', app('b', 'blue'));
    verbs.add('invite', app('c', 'blue', 'green'));
    assert.deepEqual(
      ['blue', 'blue', 'blue', 'green', 'red'].map((tag) => verbs.pick('invite', tag)?.name),
      ['b', 'c', 'b', 'c', undefined],
    );
  });

  it('remove takes that verb only, and the turn goes on', () => {
    const verbs = new Verbs<ReturnType<typeof app>>();
    const [a, b, c] = [app('a'), app('b'), app('c')];
    for (const one of [a, b, c]) {
      verbs.add('invite', one);
      verbs.add('register', one);
    }
    assert.equal(verbs.pick('invite'), a);
    verbs.remove('invite', a);
    assert.deepEqual([verbs.pick('invite'), verbs.pick('invite'), verbs.pick('invite')], [b, c, b]);
    assert.deepEqual(verbs.describe(), { invite: 2, register: 3 });
    verbs.removeAll(b);
    verbs.removeAll(c);
    assert.deepEqual(verbs.describe(), { register: 1 });
    assert.equal(verbs.has('invite'), false);
  });
});
