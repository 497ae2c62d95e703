import assert from 'node:assert/strict';
import { createRequest, type IncomingRequest, type SipRequest } from '../sip/index.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import type { Application } from './application.ts';
import { Backpressure } from './backpressure.ts';

const invite = (uri = 'sip:200@pbx.test', header?: { name: string; value: string }): SipRequest =>
  createRequest('INVITE', uri, header === undefined ? [] : [header]);

const first: Readonly<Record<string, SipRequest>> = {
  'a star code': invite('sip:*33@pbx.test'),
  'a star code, escaped': invite('sip:%2A33@pbx.test'),
  'a pull from a device': invite('sips:*331002@pbx.test'),
  'Replaces (RFC 3891)': invite('sip:200@pbx.test', { name: 'Replaces', value: 'a;to-tag=b;from-tag=c' }),
  'who was challenged': invite('sip:200@pbx.test', { name: 'Proxy-Authorization', value: 'Digest x="y"' }),
};

describe('backpressure of the signaling engine', () => {
  const application = {} as Application;
  let clock: VirtualClock;
  let engineLateMs: number;
  let backpressure: Backpressure;

  beforeEach(() => {
    clock = new VirtualClock();
    engineLateMs = 0;
    backpressure = new Backpressure({ clock, lateMs: 250, probe: (told) => told(engineLateMs) });
  });

  /** Who asks gets the Retry-After that it would get of the application that is late, or of the engine that is. */
  const late: Readonly<Record<string, (request: SipRequest) => number | undefined>> = {
    'an application': (request) => backpressure.refusal(application, request),
    'the engine itself': (request) => backpressure.busy(request),
  };

  /** Everything is 400 ms late for some seconds. */
  const overload = (): void => {
    engineLateMs = 400;
    for (let round = 0; round < 12; round++) {
      const offered: IncomingRequest[] = [];
      for (let i = 0; i < 10; i++) {
        const request = invite();
        if (backpressure.busy(request) !== undefined) continue;
        if (backpressure.refusal(application, request) !== undefined) continue;
        const incoming = { request, inDialog: false } as IncomingRequest;
        backpressure.offered(incoming);
        offered.push(incoming);
      }
      clock.advance(400);
      for (const incoming of offered) backpressure.answered(application, incoming, 407, false);
    }
  };

  for (const [who, refusal] of Object.entries(late))
    for (const [what, request] of Object.entries(first))
      it(`${what} goes before new calls when ${who} does not keep up (RFC 7339)`, () => {
        overload();
        let taken = 0;
        while (refusal(invite()) === undefined) assert.ok(++taken < 1000, 'new calls are refused in the end');
        assert.equal(refusal(request), undefined);
        assert.notEqual(refusal(invite()), undefined);
        let ahead = 0;
        while (refusal(request) === undefined)
          assert.ok(++ahead < 1000, 'the reserve is no way around a limit');
        assert.ok(ahead > 0);
      });

  it('refuses nothing while nothing is late', () => {
    for (let i = 0; i < 1000; i++) {
      clock.advance(1);
      assert.equal(backpressure.busy(invite()), undefined);
      assert.equal(backpressure.refusal(application, invite()), undefined);
    }
    assert.equal(backpressure.refused.calls, 0);
  });
});
