import assert from 'node:assert/strict';
import type { RoutingPolicy } from '../../stores/index.ts';
import { MemoryDirectoryStore } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { NumberReader } from './numbers.ts';
import { defaultPolicy, ForwardLimits, needsConfirm, permits, type PolicyFacts } from './policy.ts';
import { forward, owner, rule } from './rule-kit.test.ts';

const numbers = new NumberReader();
const basis: RoutingPolicy = {
  domain: 'pbx.test',
  mayForwardOutside: 'all',
  country: 'DE',
  countries: 'home',
  blockedPrefixes: [],
  exceptions: [],
  protectedNumbers: [],
  confirmMobiles: true,
  concurrentForwards: 2,
  forwardsPerHour: 3,
  suppressInCall: false,
};
const ask = (
  to: string,
  more: Partial<RoutingPolicy> = {},
  facts: Partial<PolicyFacts> = {},
  locked = false,
) =>
  permits(
    {
      policy: { ...basis, ...more },
      numbers,
      owner,
      ownerName: '100',
      engaged: false,
      guards: (one) => one === (facts.ownerName ?? '100'),
      inside: (dialled) => ['100', '200', '500'].includes(dialled),
      ...facts,
    },
    rule('a', [], forward(to), { locked }),
  );

describe('policy above rules', () => {
  it('inside the domain everything is allowed', () => {
    assert.equal(ask('200', { mayForwardOutside: [], countries: [] }), undefined);
  });

  it('S2-61 abroad is blocked unless a country or an exception is named', () => {
    assert.equal(ask('+49301234567'), undefined);
    assert.equal(ask('030 1234567'), undefined);
    assert.match(ask('+442079460018') ?? '', /abroad \(GB\) are blocked/);
    assert.equal(ask('+442079460018', { countries: ['DE', 'GB'] }), undefined);
    assert.match(ask('+33142685300', { countries: ['DE', 'GB'] }) ?? '', /FR are blocked/);
    assert.equal(ask('+442079460018', { exceptions: ['+442079460018'] }), undefined);
    assert.equal(ask('+442079460018', { exceptions: ['+4420'] }), undefined);
    assert.equal(ask('+49301234567', { blockedPrefixes: ['+4930'], exceptions: ['0301234567'] }), undefined);
    assert.equal(ask('+442079460018', { countries: 'all' }), undefined);
  });

  it('S2-61 a number of North America in another country of its code is abroad', () => {
    const home = { country: 'US' };
    assert.equal(ask('+12025550123', home), undefined);
    assert.match(ask('+18765550123', home) ?? '', /abroad \(JM\)/);
    // In nobody's plan: by its calling code, as laboratories use them.
    assert.equal(ask('+15550100', home), undefined);
    assert.match(ask('+15550100', { country: 'CA' }) ?? '', /abroad/);
  });

  it('S2-49 prefixes are blocked, with exceptions', () => {
    const blocked = { blockedPrefixes: ['+49900', '+4930'] };
    assert.match(ask('+49900123456', blocked) ?? '', /\+49900 are blocked/);
    assert.equal(ask('+49301234567', { ...blocked, exceptions: ['+49301234567'] }), undefined);
  });

  it('what is neither an extension nor a number is refused; so are short numbers such as emergency ones', () => {
    for (const to of ['999', '110', '112', 'anybody', '*50', ''])
      assert.match(ask(to) ?? '', /neither an extension here nor a telephone number/);
    assert.match(ask('0301234567', { country: '', countries: 'all' }) ?? '', /with its country code/);
    assert.match(ask('+49301234567', { country: '' }) ?? '', /names no country/);
  });

  it('S2-49 only the people named may forward outside; what an administrator locked may as well', () => {
    const few = { mayForwardOutside: ['200'] };
    assert.match(ask('+49301234567', few) ?? '', /100 may not forward outside/);
    assert.equal(ask('+49301234567', few, { ownerName: '200' }), undefined);
    assert.equal(ask('+49301234567', few, {}, true), undefined);
    // Countries hold for administrators too.
    assert.match(ask('+442079460018', few, {}, true) ?? '', /abroad/);
  });

  it('S2-63 protected numbers lead outside by an administrator’s locked rule alone', () => {
    const main = { protectedNumbers: ['+49301000', '100'] };
    assert.match(ask('+49301234567', main) ?? '', /100 is protected/);
    assert.equal(ask('+49301234567', main, {}, true), undefined);
    const number = { owner: { ...owner, kind: 'number', id: '+49301000' }, ownerName: '+49301000' } as const;
    assert.match(ask('+49301234567', main, number) ?? '', /protected/);
    assert.equal(ask('200', main, number), undefined);
  });

  it('S2-64 nothing is forwarded outside while the owner is engaged, if the policy says so', () => {
    assert.equal(ask('+49301234567', {}, { engaged: true }), undefined);
    assert.match(ask('+49301234567', { suppressInCall: true }, { engaged: true }) ?? '', /engaged/);
    assert.equal(ask('200', { suppressInCall: true }, { engaged: true }), undefined);
  });

  it('S2-62 mobiles must confirm, also where a number does not say that it is one', () => {
    const must = (to: string, more: Partial<RoutingPolicy> = {}) =>
      needsConfirm({ policy: { ...basis, ...more }, numbers }, to);
    assert.equal(must('+4915112345678'), true);
    assert.equal(must('0151 12345678'), true);
    assert.equal(must('+12025550123'), true);
    assert.equal(must('+49301234567'), false);
    assert.equal(must('200'), false);
    assert.equal(must('+4915112345678', { confirmMobiles: false }), false);
  });

  it('S2-52 so many calls at once, and so many within the hour, of each owner', () => {
    const clock = new VirtualClock();
    const limits = new ForwardLimits(clock);
    const first = limits.take(owner, basis);
    const second = limits.take(owner, basis);
    assert.ok(first.ok && second.ok);
    const third = limits.take(owner, basis);
    assert.match(third.ok ? '' : third.why, /2 calls are forwarded outside already/);
    assert.ok(limits.take({ ...owner, id: 'u200' }, basis).ok);
    first.release();
    first.release();
    const fourth = limits.take(owner, basis);
    assert.ok(fourth.ok);
    assert.equal(limits.take(owner, basis).ok, false);
    fourth.release();
    const fifth = limits.take(owner, basis);
    assert.match(fifth.ok ? '' : fifth.why, /3 calls .* within the hour/);
    clock.advance(3_600_000);
    assert.ok(limits.take(owner, basis).ok);
  });

  it('without a policy, home is where the domain’s own number is', async () => {
    const directory = new MemoryDirectoryStore();
    await directory.putDomain({ name: 'pbx.test', aliases: [] });
    assert.equal(defaultPolicy('pbx.test', directory, numbers).country, '');
    await directory.putUser({ id: 'u100', domain: 'pbx.test', extension: '100', name: 'Ada' });
    await directory.putNumber({ domain: 'pbx.test', number: '+15550100', target: '100' });
    const { country, countries } = defaultPolicy('pbx.test', directory, numbers);
    assert.deepEqual([country, countries], ['US', 'home']);
  });
});
