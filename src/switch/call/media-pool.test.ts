import assert from 'node:assert/strict';
import { MediaPool } from './media-pool.ts';

const node = (name: string, more: { weight?: number; drain?: boolean } = {}) => ({ name, ...more });

/** How many of `count` new calls each node gets. */
function spread(pool: MediaPool<ReturnType<typeof node>>, count: number): Record<string, number> {
  const got: Record<string, number> = {};
  for (let n = 0; n < count; n += 1) {
    const member = pool.choose();
    if (member === undefined) continue;
    pool.put(`new-${n}`, member);
    got[member.node.name] = (got[member.node.name] ?? 0) + 1;
  }
  return got;
}

describe('pool of media engines', () => {
  it('spreads new calls by weight', () => {
    const pool = new MediaPool([node('one'), node('three', { weight: 3 }), node('half', { weight: 0.5 })]);
    assert.deepEqual(spread(pool, 90), { one: 20, three: 60, half: 10 });
  });

  it('fills up who has fewer calls, whatever came before', () => {
    const pool = new MediaPool([node('a'), node('b')]);
    for (const id of ['1', '2', '3', '4']) pool.put(id, pool.members[0]!);
    pool.forget('1');
    assert.equal(pool.of('1'), undefined);
    assert.deepEqual(spread(pool, 3), { b: 3 });
    assert.deepEqual(spread(pool, 2), { a: 1, b: 1 });
  });

  it('a drained node takes no new calls while another lives, and keeps those that it has', () => {
    const pool = new MediaPool([node('old', { drain: true }), node('new')]);
    const [old, other] = pool.members;
    pool.put('long', old!);
    assert.deepEqual(spread(pool, 3), { new: 3 });
    assert.equal(pool.of('long'), old);
    other!.alive = false;
    assert.equal(pool.choose(), old);
  });

  it('a dead node takes none; with nobody alive the first is tried again', () => {
    const pool = new MediaPool([node('a'), node('b')]);
    pool.members[0]!.alive = false;
    assert.deepEqual(spread(pool, 2), { b: 2 });
    pool.members[1]!.alive = false;
    assert.equal(pool.choose()?.node.name, 'a');
    assert.equal(new MediaPool([]).choose(), undefined);
  });
});
