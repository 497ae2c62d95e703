import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { systemRandom } from '../../base/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { bindingStoreContract } from '../binding-store-contract.test.ts';
import { sameContact } from '../contact-uri.ts';
import { coldRouteStoreContract } from '../cold-route-store-contract.test.ts';
import { directoryStoreContract } from '../directory-store-contract.test.ts';
import { routingStoreContract } from '../routing-store-contract.test.ts';
import { MemoryBindingStore } from './binding-store.ts';
import { MemoryColdRouteStore } from './cold-route-store.ts';
import { MemoryDirectoryStore } from './directory-store.ts';
import { MemoryRoutingStore } from './routing-store.ts';

directoryStoreContract('memory', async () => new MemoryDirectoryStore());
coldRouteStoreContract('memory', async () => new MemoryColdRouteStore());
routingStoreContract('memory', async () => {
  const directory = new MemoryDirectoryStore();
  return { directory, routing: new MemoryRoutingStore(directory) };
});
bindingStoreContract(
  'memory',
  () => new VirtualClock(),
  async (clock, limits) => new MemoryBindingStore({ clock, limits, random: systemRandom }),
);

describe('memory binding store', () => {
  it('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const store = new MemoryBindingStore({
      clock,
      random: systemRandom,
      limits: { perDevice: 9, total: 9 },
    });
    const contacts = ['a', 'b'].map((user) => ({ uri: `sip:${user}@h`, q: 1, seconds: 60 }));
    const who = { domain: 'd', aor: 'x', userId: 'u', deviceId: 'v', path: [], callId: 'c' };
    const flow = { protocol: 'udp', address: 'h', port: 1 } as const;
    await store.register({ ...who, flow, cseq: 1, contacts });
    await store.register({ ...who, flow, cseq: 2, contacts });
    assert.equal(clock.pending, 2);
    store.close();
    assert.equal(clock.pending, 0);
  });
});

describe('contact URIs (RFC 3261 §19.1.4)', () => {
  // The examples of the section itself.
  for (const [a, b] of [
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtlanTa.CoM;Transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;newparam=5'],
    [
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
      'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    ],
    [
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ],
  ] as const)
    it(`${a} is ${b}`, () => assert.ok(sameContact(a, b) && sameContact(b, a)));
  for (const [a, b] of [
    ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
    ['sip:bob@h;x=1', 'sip:bob@h;x=2'],
    ['sips:bob@h', 'sip:bob@h'],
  ] as const)
    it(`${a} is not ${b}`, () => assert.ok(!sameContact(a, b) && !sameContact(b, a)));

  it('is symmetric and never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        assert.equal(sameContact(`sip:${a}`, `sip:${b}`), sameContact(`sip:${b}`, `sip:${a}`));
        assert.ok(sameContact(a, a));
      }),
    );
  });
});
