import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ownText } from './index.ts';

describe('own text', () => {
  it('says the same as what it was copied from', () =>
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(ownText(text), text))));
});
