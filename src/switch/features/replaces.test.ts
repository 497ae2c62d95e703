import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { moved } from '../call/swap.ts';
import { answeredElsewhere } from '../call/fork.ts';
import type { DialogId } from '../call/signaling.ts';
import { phoneSdp } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import { parseReplaces } from './replaces.ts';

describe('INVITE with Replaces (RFC 3891)', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.create(new VirtualClock());
    world.engine.heard.add('*');
  });
  afterEach(() => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    world.close();
  });

  const header = ({ callId, localTag, remoteTag }: DialogId, more = '') => ({
    Replaces: `${callId};to-tag=${localTag};from-tag=${remoteTag}${more}`,
  });
  const invite = (from: string, headers: object) => world.dial(from, '100', phoneSdp(4000), headers);

  it('reads the header, and refuses what is none', () => {
    assert.deepEqual(parseReplaces('a@b ; from-tag=2;to-tag=1;early-only'), {
      callId: 'a@b',
      localTag: '1',
      remoteTag: '2',
      earlyOnly: true,
    });
    assert.equal(parseReplaces('a@b;to-tag=1'), undefined);
  });

  it('replaces the dialog of another own device; that one ends after the new one is accepted', async () => {
    const far = await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    const mobile = await invite('1002', header(desk));
    assert.equal(mobile.final?.status, 200);
    assert.deepEqual(desk.bye_, moved);
    assert.ok(far.dialog.up);
  });

  it('early-only on an answered call is 486; on a ringing one it is answered', async () => {
    const far = await world.dial('2001', '100');
    world.at('1001').ring();
    const early = world.at('1001').early;
    const mobile = await invite('1002', header(early, ';early-only'));
    assert.equal(mobile.final?.status, 200);
    assert.equal(far.final?.status, 200);
    assert.deepEqual(world.at('1001').cancelled, answeredElsewhere);
    const late = await invite('1003', header(mobile.dialog, ';early-only'));
    assert.deepEqual([late.final?.status, late.final?.reason], [486, 'Answered already']);
  });

  it('481 for a dialog that is not there, 403 for one that is not yours, 400 for nonsense', async () => {
    await world.dial('2001', '100');
    const desk = world.at('1001').answer();
    await settle();
    const status = async (from: string, headers: object) => (await invite(from, headers)).final?.status;
    assert.equal(
      await status('1002', header({ callId: desk.callId, localTag: 'other', remoteTag: desk.remoteTag })),
      481,
    );
    assert.equal(await status('2002', header(desk)), 403);
    assert.equal(await status('1002', { Replaces: 'nonsense' }), 400);
    assert.ok(desk.up);
  });
});
