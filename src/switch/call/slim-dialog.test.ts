import assert from 'node:assert/strict';
import { slim } from './slim-dialog.ts';
import { SrfDialogAdapter } from './srf-dialog.ts';
import type { SrfDialog } from './srf-types.ts';

/** As drachtio-srf 5.0.29 makes it: its id is its answer's. */
class FakeDialog {
  readonly srf = new FakeSrf();
  readonly events: string[] = [];
  readonly type = 'uac';
  readonly socket = { the: 'connection' };
  listeners = 3;
  req: object = {
    method: 'INVITE',
    socket: this.socket,
    protocol: 'udp',
    source_address: '127.0.0.1',
    source_port: 5060,
    get: (name: string) => ({ From: '<sip:100@pbx.test>;tag=ours' })[name],
    removeAllListeners: () => (this.listeners = 0),
  };
  res: object = {
    stackDialogId: 'dialog-1',
    protocol: 'udp',
    source_address: '192.0.2.17',
    source_port: 5062,
    get: (name: string) =>
      ({ To: '<sip:1001@pbx.test>;tag=theirs', Allow: 'INVITE, UPDATE', 'Record-Route': '<sip:p1.test;lr>' })[
        name
      ],
  };
  sip = { callId: 'c1', localTag: 'ours', remoteTag: 'theirs' };
  local = { sdp: 'v=0 ours', contact: '<sip:127.0.0.1>' };
  remote = { uri: 'sip:1001@192.0.2.17:5062', sdp: 'v=0 theirs' };
  connected = true;

  get id(): string {
    return (this.res as { stackDialogId: string }).stackDialogId;
  }

  on(event: string): void {
    this.events.push(event);
  }
}

class FakeSrf {
  readonly dialogs = new Map<string, unknown>();

  addDialog(dialog: { readonly id: string }): void {
    this.dialogs.set(dialog.id, dialog);
  }

  removeDialog(dialog: { readonly id: string }): void {
    this.dialogs.delete(dialog.id);
  }
}

const made = () => {
  const fake = new FakeDialog();
  fake.srf.addDialog(fake);
  return { fake, dialog: fake as unknown as SrfDialog };
};

describe('a dialog that stands', () => {
  it('keeps neither its INVITE nor the answer, and drachtio-srf finds it and speaks in it as before', () => {
    const { fake, dialog } = made();
    const { req, res } = fake;
    slim(dialog);
    assert.equal(fake.listeners, 0);
    assert.deepEqual(fake.req, { method: 'INVITE', socket: fake.socket });
    assert.equal((fake.req as { socket?: object }).socket, fake.socket);
    assert.deepEqual(fake.res, { stackDialogId: 'dialog-1' });
    assert.deepEqual([...fake.srf.dialogs], [['dialog-1', fake]]);
    for (const kept of Object.values(fake)) assert.ok(kept !== req && kept !== res);
    assert.deepEqual(
      [fake.sip, fake.local, fake.remote],
      [
        { callId: 'c1', localTag: 'ours', remoteTag: 'theirs' },
        { sdp: 'v=0 ours', contact: '<sip:127.0.0.1>' },
        { uri: 'sip:1001@192.0.2.17:5062', sdp: 'v=0 theirs' },
      ],
    );
  });

  it('is known by what its messages said: what it takes, and what a BYE of a later process is made of', () => {
    const { fake, dialog } = made();
    const adapter = new SrfDialogAdapter(dialog);
    assert.equal(adapter.allows('UPDATE'), true);
    assert.equal(adapter.allows('INFO'), false);
    assert.deepEqual(adapter.facts, {
      callId: 'c1',
      local: '<sip:100@pbx.test>;tag=ours',
      remote: '<sip:1001@pbx.test>;tag=theirs',
      target: 'sip:1001@192.0.2.17:5062',
      routes: ['<sip:p1.test;lr>'],
      flow: { protocol: 'udp', address: '192.0.2.17', port: 5062 },
    });
    assert.ok(fake.events.includes('destroy'));
    assert.deepEqual(Object.keys(fake.req), ['method', 'socket']);
  });
});
