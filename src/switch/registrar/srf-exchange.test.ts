import assert from 'node:assert/strict';
import { answerTo, readRequest, type SrfExchange } from './index.ts';

/** A REGISTER as drachtio-srf hands it over, on a connection that writes down what is sent when. */
const exchange = (headers: Readonly<Record<string, string>> = {}, destroyed = false) => {
  const sent: (readonly [string, string])[] = [];
  const writes: number[] = [];
  let corked = 0;
  const socket = {
    destroyed,
    get writableCorked() {
      return corked;
    },
    cork: () => void (corked += 1),
    uncork: () => {
      corked -= 1;
      writes.push(sent.length);
    },
  };
  const srf: SrfExchange = {
    method: 'REGISTER',
    uri: 'sip:pbx.test',
    protocol: 'udp',
    source_address: '192.0.2.1',
    source_port: 5060,
    stackTime: '12:00:00.000000',
    stackTxnId: 't1',
    headers,
    socket,
    agent: { sendMessage: (_socket, text, { stackTxnId }) => sent.push([stackTxnId, text]) },
  };
  return { srf, sent, writes };
};

describe('a REGISTER of drachtio-srf', () => {
  it('is read by header names in any case', () => {
    const { srf } = exchange({ 'call-id': 'c1', contact: '<sip:a@h>' });
    const request = readRequest(srf);
    assert.deepEqual(
      ['Call-ID', 'contact', 'Expires'].map((name) => request.get(name)),
      ['c1', '<sip:a@h>', undefined],
    );
    assert.equal(request.stackTime, '12:00:00.000000');
  });

  it('is answered by its transaction, several header lines and all', () => {
    const { srf, sent } = exchange();
    const headers = { 'WWW-Authenticate': 'Digest a\r\nWWW-Authenticate: Digest b', Date: 'now' };
    answerTo(srf).send(401, 'Unauthorized', { headers });
    const lines = [
      'SIP/2.0 401 Unauthorized',
      'WWW-Authenticate: Digest a',
      'WWW-Authenticate: Digest b',
      'Date: now',
      'Content-Length: 0',
      '',
      '',
    ];
    assert.deepEqual(sent, [['t1', lines.join('\r\n')]]);
  });

  it('answers of one turn of the event loop leave together', async () => {
    const { srf, sent, writes } = exchange();
    for (let i = 0; i < 3; i++) answerTo(srf).send(200, 'OK', { headers: {} });
    assert.deepEqual(writes, []);
    await new Promise((done) => setImmediate(done));
    assert.deepEqual(writes, [3]);
    answerTo(srf).send(200, 'OK', { headers: {} });
    await new Promise((done) => setImmediate(done));
    assert.deepEqual(writes, [3, 4]);
    assert.equal(sent.length, 4);
  });

  it('is not answered where its connection is gone', () => {
    const { srf, sent } = exchange({}, true);
    answerTo(srf).send(200, 'OK', { headers: {} });
    assert.deepEqual(sent, []);
  });
});
