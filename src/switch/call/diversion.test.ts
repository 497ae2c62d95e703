import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { FakeIncoming } from '../testing/fake-phones.ts';
import { forwardedHeaders, historyOf, type Hop } from './diversion.ts';
import { lab } from './rules-kit.test.ts';

const history = (headers: Readonly<Record<string, string>>) =>
  historyOf(new FakeIncoming({ kind: 'trunk', trunk: lab, number: '', name: '' }, '', headers));

const hop = (number: string, result?: Hop['result']): Hop => ({ number, domain: 'pbx.test', result });

describe('Diversion and History-Info', () => {
  it('reads who forwarded, in one header or several, with names and commas in them (RFC 5806 §5)', () => {
    const read = history({
      Diversion:
        '"Ada, at home" <sip:+4930555100@pbx.test;user=phone>;reason=no-answer;counter=2, <tel:+4989123>;reason=unknown',
    });
    assert.deepEqual(read.numbers, ['+4930555100', '+4989123']);
    assert.equal(read.count, 3);
  });

  it('reads the way of a request, and not where it now goes (RFC 7044 §5)', () => {
    const read = history({
      'History-Info':
        '<sip:+491@a.example>;index=1,<sip:%2B492@a.example?Reason=SIP%3Bcause%3D302>;index=1.1, <sip:+493@b.example>;index=1.2',
    });
    assert.deepEqual(read.numbers, ['+491', '+492']);
    assert.equal(read.count, 2);
  });

  it('nothing of nothing', () => {
    assert.deepEqual(history({}), { numbers: [], count: 0, diversion: [], historyInfo: [] });
    assert.deepEqual(forwardedHeaders([], hop('1'), history({})), {});
  });

  it('says the latest first in Diversion, and counts on in History-Info', () => {
    const before = history({
      Diversion: '<sip:+491@a.example>;reason=unconditional',
      'History-Info': '<sip:+491@a.example>;index=1, <sip:+4930@pbx.test>;index=1.1',
    });
    const headers = forwardedHeaders([hop('+4930'), hop('200', 'busy')], hop('+4917'), before);
    assert.equal(
      headers['Diversion'],
      '<sip:200@pbx.test>;reason=user-busy;counter=1, <sip:+4930@pbx.test>;reason=unconditional;counter=1, <sip:+491@a.example>;reason=unconditional',
    );
    assert.equal(
      headers['History-Info'],
      '<sip:+491@a.example>;index=1, <sip:+4930@pbx.test>;index=1.1, <sip:200@pbx.test;cause=302>;index=1.1.1;mp=1, <sip:+4917@pbx.test;cause=486>;index=1.1.1.1;mp=1',
    );
  });

  it('whatever a request says: bounded, and never an error', () => {
    const anything = fc.string({
      maxLength: 4000,
      unit: fc.oneof(fc.constantFrom('<', '>', '"', ',', ';', 'sip:', '@', '\r\n', '\\'), fc.string()),
    });
    fc.assert(
      fc.property(anything, anything, (a, b) => {
        const read = history({ Diversion: a, 'History-Info': b });
        assert.ok(read.numbers.length <= 40 && read.diversion.length <= 20 && read.historyInfo.length <= 20);
        const headers = forwardedHeaders([hop('100')], hop('+4917'), read);
        assert.ok(Object.values(headers).every((value) => value.length < 8000 && !/[\r\n]/.test(value)));
      }),
    );
  });
});
