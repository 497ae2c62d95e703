import assert from 'node:assert/strict';
import { createRequest, createResponse, type Flow } from '../sip/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { ContactFlows } from './contact-flows.ts';

const flow = (id: string, reliable = true): Flow => ({
  id,
  protocol: reliable ? 'ws' : 'udp',
  reliable,
  local: { address: '127.0.0.1', port: 5066 },
  remote: { address: '127.0.0.1', port: 40000 },
});

const register = (contact: string, expires?: string) =>
  createRequest('REGISTER', 'sip:pbx.test', [
    { name: 'Contact', value: contact },
    ...(expires === undefined ? [] : [{ name: 'Expires', value: expires }]),
  ]);

const learn = (flows: ContactFlows, request: ReturnType<typeof register>, over: Flow) =>
  flows.learn(request, over, createResponse(request, 200));

describe('contact flows', () => {
  it('finds the connection on which a contact registered, until it expires', () => {
    const clock = new VirtualClock();
    const flows = new ContactFlows(clock);
    learn(flows, register('<sip:1003@abc.invalid;transport=ws>;expires=60'), flow('a'));
    assert.equal(flows.find('sip:1003@ABC.invalid;transport=ws')?.id, 'a');
    assert.equal(flows.find('sip:1004@abc.invalid'), undefined);
    clock.advance(60_001);
    assert.equal(flows.find('sip:1003@abc.invalid'), undefined);
    assert.equal(flows.size, 0);
  });

  it('forgets at expiry 0 and when the connection closes; a new registration moves the contact', () => {
    const flows = new ContactFlows(new VirtualClock());
    learn(flows, register('<sip:1@a.invalid>', '60'), flow('a'));
    learn(flows, register('<sip:1@a.invalid>', '60'), flow('b'));
    flows.closed(flow('a'));
    assert.equal(flows.find('sip:1@a.invalid')?.id, 'b');
    flows.closed(flow('b'));
    assert.equal(flows.find('sip:1@a.invalid'), undefined);
    learn(flows, register('<sip:1@a.invalid>', '60'), flow('c'));
    learn(flows, register('<sip:1@a.invalid>', '0'), flow('c'));
    assert.equal(flows.size, 0);
  });

  it('learns nothing over UDP, nothing from Contact: *, and no more than its limit', () => {
    const clock = new VirtualClock();
    const flows = new ContactFlows(clock, 2);
    learn(flows, register('<sip:1@a.invalid>'), flow('u', false));
    learn(flows, register('*', '0'), flow('a'));
    assert.equal(flows.size, 0);
    for (const user of ['1', '2', '3']) learn(flows, register(`<sip:${user}@a.invalid>`, '60'), flow('a'));
    assert.equal(flows.size, 2);
    clock.advance(61_000);
    learn(flows, register('<sip:4@a.invalid>', '60'), flow('a'));
    assert.equal(flows.find('sip:4@a.invalid')?.id, 'a');
  });
});
