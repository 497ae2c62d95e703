import assert from 'node:assert/strict';
import { createRequest, createResponse, setToTag } from '../message/index.ts';
import {
  dialogKey,
  dialogOfRequest,
  dialogOfResponse,
  dialogSetId,
  parseRAck,
  pathOfRequest,
  pathOfResponse,
  reliableSequence,
  requestIn,
  routingOf,
  withoutTag,
} from './dialog-state.ts';

const invite = createRequest('INVITE', 'sip:bob@example.com', [
  { name: 'From', value: '"Ada; the first" <sip:ada@example.com;tag=uri>;tag=a1;x=y' },
  { name: 'To', value: 'Bob <sip:bob@example.com>' },
  { name: 'Call-ID', value: 'c1' },
  { name: 'CSeq', value: '314 INVITE' },
  { name: 'Contact', value: '<sip:ada@192.0.2.1:5062>' },
  { name: 'Record-Route', value: '<sip:p1.example.com;lr>, <sip:p2.example.com;lr>' },
  { name: 'Record-Route', value: '<sip:p3.example.com;lr>' },
]);

describe('dialog state (RFC 3261 §12)', () => {
  it('made by our response (§12.1.1): route set in order, target the Contact', () => {
    const identity = dialogOfRequest(invite, 'b1');
    assert.equal(dialogKey(identity.callId, identity.localTag, identity.remoteTag), 'c1|b1|a1');
    assert.equal(dialogSetId(identity), 'c1;from-tag=a1');
    assert.equal(identity.remoteAddress, '"Ada; the first" <sip:ada@example.com;tag=uri>;x=y');
    assert.equal(identity.localAddress, 'Bob <sip:bob@example.com>');
    assert.deepEqual(pathOfRequest(invite), {
      remoteTarget: 'sip:ada@192.0.2.1:5062',
      routeSet: ['<sip:p1.example.com;lr>', '<sip:p2.example.com;lr>', '<sip:p3.example.com;lr>'],
    });
  });

  it('made by the peer’s response (§12.1.2): route set reversed', () => {
    const response = createResponse(invite, 200, 'OK', [{ name: 'Contact', value: '<sip:bob@192.0.2.4>' }]);
    setToTag(response, 'b1');
    const identity = dialogOfResponse(invite, response);
    assert.equal(dialogSetId(identity), 'c1;from-tag=a1');
    assert.equal(identity.localAddress, '"Ada; the first" <sip:ada@example.com;tag=uri>;x=y');
    assert.deepEqual(pathOfResponse(invite, response), {
      remoteTarget: 'sip:bob@192.0.2.4',
      routeSet: ['<sip:p3.example.com;lr>', '<sip:p2.example.com;lr>', '<sip:p1.example.com;lr>'],
    });
  });

  it('both sides of one call agree on its set id', () => {
    const response = createResponse(invite, 200);
    setToTag(response, 'b1');
    assert.equal(dialogSetId(dialogOfRequest(invite, 'b1')), dialogSetId(dialogOfResponse(invite, response)));
  });

  it('without a Contact the sender’s own address has to do', () => {
    const bare = createRequest('INVITE', 'sip:bob@example.com', [
      { name: 'From', value: 'sip:ada@example.com;tag=a1' },
    ]);
    assert.equal(pathOfRequest(bare).remoteTarget, 'sip:ada@example.com');
    assert.equal(pathOfResponse(bare, createResponse(bare, 200)).remoteTarget, 'sip:bob@example.com');
  });

  it('loose routing (§12.2.1.1): the target stays, the routes go along', () => {
    const routeSet = ['<sip:p1.example.com;lr>', '<sip:p2.example.com;lr>'];
    assert.deepEqual(routingOf({ remoteTarget: 'sip:bob@192.0.2.4', routeSet }), {
      requestUri: 'sip:bob@192.0.2.4',
      routes: routeSet,
      nextHop: 'sip:p1.example.com;lr',
    });
  });

  it('strict routing (§12.2.1.1): the first route is the Request-URI, the target the last route', () => {
    const routeSet = ['<sip:p1.example.com;method=INVITE?x=y>', '<sip:p2.example.com;lr>'];
    assert.deepEqual(routingOf({ remoteTarget: 'sip:bob@192.0.2.4', routeSet }), {
      requestUri: 'sip:p1.example.com',
      routes: ['<sip:p2.example.com;lr>', '<sip:bob@192.0.2.4>'],
      nextHop: 'sip:p1.example.com;method=INVITE?x=y',
    });
  });

  it('a request in the dialog bears its tags, Call-ID and CSeq', () => {
    const identity = dialogOfRequest(invite, 'b1');
    const bye = requestIn(identity, routingOf(pathOfRequest(invite)), { method: 'BYE', number: 7 });
    assert.equal(bye.uri, 'sip:ada@192.0.2.1:5062');
    assert.equal(bye.headers.get('From'), 'Bob <sip:bob@example.com>;tag=b1');
    assert.equal(bye.headers.get('To'), '"Ada; the first" <sip:ada@example.com;tag=uri>;x=y;tag=a1');
    assert.equal(bye.headers.get('CSeq'), '7 BYE');
    assert.equal(bye.headers.list('Route').length, 3);
  });

  it('a tag is taken off, wherever it stands', () => {
    assert.equal(withoutTag('sip:a@b;tag=1;x=2'), 'sip:a@b;x=2');
    assert.equal(withoutTag('<sip:a@b;tag=1> ; TAG = 5'), '<sip:a@b;tag=1>');
    assert.equal(withoutTag('<sip:a@b>'), '<sip:a@b>');
  });

  it('RAck and RSeq (RFC 3262 §7)', () => {
    assert.deepEqual(parseRAck('776656 1 INVITE'), { rseq: 776_656, cseq: 1, method: 'INVITE' });
    for (const bad of ['', '1 INVITE', 'x 1 INVITE', '1 1', undefined])
      assert.equal(parseRAck(bad), undefined);
    const reliable = createResponse(invite, 183, undefined, [
      { name: 'Require', value: 'foo, 100rel' },
      { name: 'RSeq', value: '12' },
    ]);
    assert.equal(reliableSequence(reliable), 12);
    reliable.headers.delete('Require');
    assert.equal(reliableSequence(reliable), undefined);
  });
});
