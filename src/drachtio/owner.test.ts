import assert from 'node:assert/strict';
import type { OutgoingRequest } from '../sip/index.ts';
import { VirtualClock } from '../testing/index.ts';
import type { Application } from './application.ts';
import { Owners, type Owner } from './owner.ts';

const application = (address: string, ...tags: string[]) =>
  ({ remote: { address, port: 1 }, tags: new Set(tags) }) as unknown as Application;
const request = { id: '1' } as OutgoingRequest;

const make = () => {
  const clock = new VirtualClock();
  const released: Owner[] = [];
  return { clock, released, owners: new Owners(clock, 5_000, (owner) => released.push(owner)) };
};

describe('owners of calls', () => {
  it('an application that comes back within the grace time gets its calls back', () => {
    const { clock, released, owners } = make();
    const first = application('127.0.0.1', 'a', 'b');
    const owner = owners.of(first);
    owner.outgoing.set('1', request);
    owners.lost(first);
    assert.equal(owner.application, undefined);
    clock.advance(4_999);
    const other = application('127.0.0.1', 'c');
    owners.arrived(other);
    assert.notEqual(owners.of(other), owner, 'other tags are another application');
    const again = application('127.0.0.1', 'b', 'a');
    owners.arrived(again);
    assert.equal(owners.of(again), owner);
    assert.equal(owner.application, again);
    clock.advance(60_000);
    assert.deepEqual(released, []);
  });

  it('what nobody came back for is released once', () => {
    const { clock, released, owners } = make();
    const first = application('127.0.0.1');
    const owner = owners.of(first);
    owner.outgoing.set('1', request);
    owners.lost(first);
    clock.advance(5_000);
    assert.deepEqual(released, [owner]);
    const late = application('127.0.0.1');
    owners.arrived(late);
    assert.notEqual(owners.of(late), owner);
  });

  it('an application that leaves nothing is forgotten at once', () => {
    const { clock, released, owners } = make();
    const first = application('127.0.0.1');
    owners.of(first);
    owners.lost(first);
    clock.advance(10_000);
    assert.deepEqual(released, []);
  });
});
