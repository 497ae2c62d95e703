import assert from 'node:assert/strict';
import { Operations } from './operations.ts';

describe('operations of a call', () => {
  it('run one at a time, in order, also after one that failed', async () => {
    const operations = new Operations();
    const seen: string[] = [];
    const first = operations.run(async () => {
      seen.push('first begins');
      await Promise.resolve();
      seen.push('first ends');
      throw new Error('no');
    });
    const second = operations.run(async () => {
      seen.push('second');
      return 2;
    });
    await assert.rejects(first);
    assert.equal(await second, 2);
    assert.deepEqual(seen, ['first begins', 'first ends', 'second']);
  });

  it('a second claim is refused until the first is released', () => {
    const operations = new Operations();
    const claim = operations.claim('pull');
    assert.ok(claim);
    assert.equal(operations.claim('pull'), undefined);
    assert.equal(operations.claimedBy, 'pull');
    claim.release();
    assert.ok(operations.claim('push'));
  });

  it('a pull makes a push that can give way do so; the late release of the push frees nothing', () => {
    const operations = new Operations();
    let gaveWay = 0;
    const push = operations.claim('push', () => gaveWay++);
    const pull = operations.outrank('pull');
    assert.ok(pull);
    assert.equal(gaveWay, 1);
    push?.release();
    assert.equal(operations.claimedBy, 'pull');
    assert.equal(operations.outrank('pull'), undefined);
  });

  it('a push that is being handed over gives way no more', () => {
    const operations = new Operations();
    operations.claim('push', () => assert.fail('gave way'))?.firm();
    assert.equal(operations.outrank('pull'), undefined);
  });
});
