import assert from 'node:assert/strict';
import type { Binding } from '../../stores/index.ts';
import { registrarFixture } from './fixture.test.ts';
import { PhonePinger } from './index.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('phone pinger', () => {
  const start = async () => {
    const f = await registrarFixture();
    const asked: string[] = [];
    const silent = new Set<string>();
    const pinger = new PhonePinger({
      bindings: f.bindings,
      clock: f.clock,
      random: { hex: () => '', unit: () => 0.5 },
      seconds: 60,
      ask: async ({ contact }: Binding) => {
        asked.push(contact);
        return !silent.has(contact);
      },
    });
    const over = (protocol: string, to: string) =>
      f.register({ protocol, to, headers: { contact: `<sip:${to}@x>;expires=7200` } });
    const pass = async (seconds: number) => {
      f.clock.advance(seconds * 1000);
      await settled();
    };
    const close = () => {
      pinger.close();
      f.bindings.close();
      assert.equal(f.clock.pending, 0);
    };
    return { f, asked, silent, over, pass, close };
  };

  it('asks phones on connections, again and again, and no others', async () => {
    const { asked, over, pass, close } = await start();
    await over('ws', '1001');
    await over('udp', '1002');
    await pass(60);
    await pass(60);
    assert.deepEqual(asked, ['sip:1001@x', 'sip:1001@x']);
    close();
  });

  it('removes the binding of a phone that does not answer', async () => {
    const { f, silent, over, pass, close } = await start();
    await over('tcp', '1001');
    await over('tcp', '1003');
    silent.add('sip:1001@x');
    await pass(60);
    assert.deepEqual(
      f.bindings.all().map((b) => b.contact),
      ['sip:1003@x'],
    );
    close();
  });

  it('takes a registration for an answer', async () => {
    const { asked, over, pass, close } = await start();
    await over('tcp', '1001');
    await pass(59);
    await over('tcp', '1001');
    await pass(59);
    assert.deepEqual(asked, []);
    close();
  });
});
