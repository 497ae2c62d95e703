import assert from 'node:assert/strict';
import { parseClientMessage, printMeta, printTime } from './leader.ts';

describe('leader', () => {
  it('splits leader and SIP message at the first CRLF', () => {
    const message = parseClientMessage(Buffer.from('id1|sip|txn||sip:hop\r\nINVITE sip:a@b SIP/2.0\r\n\r\n'));
    assert.ok(message);
    const { id, type, tokens, sip } = message;
    assert.deepEqual([id, type, tokens], ['id1', 'sip', ['txn', '', 'sip:hop']]);
    assert.equal(sip.toString(), 'INVITE sip:a@b SIP/2.0\r\n\r\n');
  });

  it('knows a leader without SIP', () => {
    const message = parseClientMessage(Buffer.from('id1|authenticate|cymru|'));
    assert.deepEqual(message?.tokens, ['cymru', '']);
    assert.equal(message.sip.length, 0);
  });

  it('wants an id and a type', () => {
    for (const text of ['', 'id', '|ping', 'id|', '\r\n', '|'])
      assert.equal(parseClientMessage(Buffer.from(text)), undefined, JSON.stringify(text));
  });

  it('prints the six metadata tokens, the time in UTC with microseconds', () => {
    const wall = Date.UTC(2026, 0, 2, 3, 4, 5, 678) + 0.125;
    assert.equal(printTime(wall), '03:04:05.678125');
    const meta = { source: 'network', bytes: 12, protocol: 'udp', address: '::1', port: 5060, wall } as const;
    assert.equal(printMeta(meta), 'network|12|udp|::1|5060|03:04:05.678125');
  });
});
