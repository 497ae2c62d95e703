import assert from 'node:assert/strict';
import { systemRandom } from './random.ts';

describe('systemRandom', () => {
  it('gives as many bytes as asked for, across its pages, and never the same ones', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i++) {
      const text = systemRandom.hex(8);
      assert.match(text, /^[0-9a-f]{16}$/);
      assert.ok(!seen.has(text));
      seen.add(text);
    }
    assert.equal(systemRandom.hex(5_000).length, 10_000);
    assert.equal(systemRandom.hex(1).length, 2);
    assert.equal(systemRandom.hex(0), '');
  });

  it('gives fractions', () => {
    const unit = systemRandom.unit();
    assert.ok(unit >= 0 && unit < 1);
  });
});
