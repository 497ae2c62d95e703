import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import Srf from 'drachtio-srf';
import { Phone } from '../src/testing/phone.ts';
import { Tool } from '../src/testing/tool.ts';

type Message = { readonly uri: string };
type Dialog = { on(event: 'destroy', action: () => void): void; destroy(): void };
/** What the sample uses of drachtio-srf; its own declarations leave promises out. */
type Application = {
  connect(options: object): Promise<void>;
  disconnect(): void;
  on(event: 'connect', action: (error: unknown, hostports: string) => void): void;
  invite(action: (req: Message, res: object) => void): void;
  createB2BUA(
    req: Message,
    res: object,
    uri: string,
  ): Promise<{ readonly uas: Dialog; readonly uac: Dialog }>;
};

describe('the signaling engine alone, under somebody else’s application', () => {
  const program = resolve(import.meta.dirname, '../src/drachtio/standalone.ts');

  it('runs the back-to-back sample of drachtio-srf as drachtio-server does', async () => {
    const tool = new Tool(process.execPath, [
      program,
      '--listen=udp:127.0.0.1:0',
      '--listen=tcp:127.0.0.1:0',
      '--admin=127.0.0.1:0',
      '--secret=cymru',
    ]);
    while (!tool.output.includes('"msg":"ready"')) {
      assert.ok(!tool.over, tool.output);
      await new Promise((done) => setTimeout(done, 20));
    }
    const ready = JSON.parse(tool.output.split('\n').find((line) => line.includes('"ready"')) ?? '{}') as {
      readonly admin: { readonly port: number };
      readonly listeners: readonly { readonly protocol: string; readonly port: number }[];
    };
    const server = {
      address: '127.0.0.1',
      port: ready.listeners.find((l) => l.protocol === 'udp')?.port ?? 0,
    };
    const ada = await Phone.open({ name: 'ada', rtp: true });
    const bob = await Phone.open({ name: 'bob', rtp: true, server });
    const srf = new Srf() as unknown as Application;
    const connected = new Promise<string>((done, failed) =>
      srf.on('connect', (error, hostports) => (error instanceof Error ? failed(error) : done(hostports))),
    );
    await srf.connect({ host: '127.0.0.1', port: ready.admin.port, secret: 'cymru' });
    assert.match(await connected, new RegExp(`udp/127\\.0\\.0\\.1:${server.port}`));
    // From drachtio-srf's README.
    srf.invite((req, res) => {
      void srf.createB2BUA(req, res, ada.uri).then(({ uas, uac }) => {
        uas.on('destroy', () => uac.destroy());
        uac.on('destroy', () => uas.destroy());
      });
    });
    const outgoing = await bob.invite('ada');
    const incoming = await ada.incoming();
    await incoming.ring();
    await outgoing.ringing();
    await incoming.answer();
    await outgoing.answered();
    await outgoing.media.rtp.hears(5, 'ada');
    assert.notEqual(outgoing.callId, incoming.callId);
    await incoming.hangup();
    await outgoing.ended();
    srf.disconnect();
    tool.signal('SIGTERM');
    assert.equal(await tool.ended, 0);
    await Promise.all([ada.close(), bob.close()]);
  });
});
