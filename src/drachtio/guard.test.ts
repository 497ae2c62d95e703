import assert from 'node:assert/strict';
import { silentLogger } from '../base/index.ts';
import type { AckEvent, IncomingRequest, MessageEvent, SipRequest, UserAgentHandler } from '../sip/index.ts';
import { guarded } from './guard.ts';

describe('guard', () => {
  const fail = () => {
    throw new Error('a fault');
  };
  const failing: UserAgentHandler = {
    claim: fail,
    onRequest: fail,
    onAck: fail,
    onCancel: fail,
    onUnsolicitedBye: fail,
    onDialogEnd: fail,
  };

  it('logs a fault, and answers the request that it befell', () => {
    const logged: object[] = [];
    const refused: IncomingRequest[] = [];
    const log = { ...silentLogger, error: (fields: object) => void logged.push(fields) };
    const handler = guarded(failing, log, (incoming) => refused.push(incoming));
    const waiting = { state: 'waiting' } as IncomingRequest;
    handler.onRequest(waiting);
    handler.onRequest({ state: 'answered' } as IncomingRequest);
    handler.onAck({} as AckEvent);
    assert.equal(handler.claim?.({} as SipRequest, {} as MessageEvent, undefined), false);
    assert.deepEqual(refused, [waiting]);
    assert.equal(logged.length, 4);
  });

  it('passes everything on', () => {
    const seen: string[] = [];
    const handler = guarded(
      {
        ...failing,
        claim: () => true,
        onRequest: () => void seen.push('request'),
        onAck: () => void seen.push('ack'),
      },
      silentLogger,
      fail,
    );
    handler.onRequest({ state: 'waiting' } as IncomingRequest);
    handler.onAck({} as AckEvent);
    assert.equal(handler.claim?.({} as SipRequest, {} as MessageEvent, undefined), true);
    assert.deepEqual(seen, ['request', 'ack']);
  });
});
