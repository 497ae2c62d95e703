import assert from 'node:assert/strict';
import { loopLoad } from './loop-load.ts';

describe('loopLoad', () => {
  it('is near 1 on a thread that never waits, and a share at all times', () => {
    const load = loopLoad();
    const end = performance.now() + 250;
    while (performance.now() < end) load();
    const share = load();
    assert.ok(share > 0.5 && share <= 1, String(share));
  });
});
