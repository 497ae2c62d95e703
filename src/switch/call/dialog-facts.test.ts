import assert from 'node:assert/strict';
import { factsOf } from './dialog-facts.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

const message = (headers: Readonly<Record<string, string>>, port: number) => ({
  protocol: 'udp',
  source_address: '192.0.2.7',
  source_port: port,
  get: (name: string) => headers[name],
});

const dialog = (type: 'uac' | 'uas', req: object, res: object) =>
  ({
    type,
    req: req as SrfRequest,
    res: res as SrfResponse,
    sip: { callId: 'c1', localTag: 'ours', remoteTag: 'theirs' },
    remote: { uri: 'sip:1001@192.0.2.7:5062', sdp: '' },
  }) as unknown as SrfDialog;

const routes = '<sip:p1.test;lr>, "Edge, second" <sip:p2.test;lr;x="1,2">';

describe('facts of a dialog (RFC 3261 §12.1)', () => {
  it('that came to us: their From is the remote side, routes are in order (RFC 3261 §12.1.1)', () => {
    const req = message(
      { From: '"Ada" <sip:1001@pbx.test>;tag=theirs', To: '<sip:200@pbx.test>', 'Record-Route': routes },
      5063,
    );
    assert.deepEqual(factsOf(dialog('uas', req, message({}, 1))), {
      callId: 'c1',
      local: '<sip:200@pbx.test>;tag=ours',
      remote: '"Ada" <sip:1001@pbx.test>;tag=theirs',
      target: 'sip:1001@192.0.2.7:5062',
      routes: ['<sip:p1.test;lr>', '"Edge, second" <sip:p2.test;lr;x="1,2">'],
      flow: { protocol: 'udp', address: '192.0.2.7', port: 5063 },
    });
  });

  it('that we began: their To is the remote side, routes are turned round (RFC 3261 §12.1.2)', () => {
    const req = message({ From: 'sip:200@pbx.test;tag=ours', To: '<sip:1001@pbx.test>' }, 1);
    const res = message({ To: '<sip:1001@pbx.test>;tag=theirs', 'Record-Route': routes }, 5064);
    const facts = factsOf(dialog('uac', req, res));
    assert.equal(facts?.local, 'sip:200@pbx.test;tag=ours');
    assert.equal(facts?.remote, '<sip:1001@pbx.test>;tag=theirs');
    assert.deepEqual(facts?.routes, ['"Edge, second" <sip:p2.test;lr;x="1,2">', '<sip:p1.test;lr>']);
    assert.equal(facts?.flow.port, 5064);
  });
});
