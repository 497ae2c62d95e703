import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import { bridge } from '../call/bridge.ts';
import { answerIncoming } from '../call/answer.ts';
import { swap } from '../call/swap.ts';
import { tones } from '../call/tones.ts';
import type { FakeIncoming } from '../testing/fake-phones.ts';
import { FakeIncoming as Dialling, phoneSdp } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';
import type { Terminal } from './terminal.ts';

/** Runs to an end that the test waits for in virtual time. */
type Running<T> = { result?: T };

describe('a leg that ends in the switch', () => {
  let clock: VirtualClock;
  let world: World;
  beforeEach(async () => {
    clock = new VirtualClock();
    world = await World.create(clock);
    world.engine.heard.add('*');
  });
  afterEach(async () => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    await settle();
    world.close();
    assert.equal(world.engine.live.size, 0, 'no media is left');
    assert.ok(
      world.inlets.opened.every(
        (inlet) => !inlet.open && inlet.takes.every((take) => take.seconds !== undefined),
      ),
      'no socket and no file is left open',
    );
    await world.pass(3000);
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  /** 2001 calls 100 and gets the switch in its place. */
  async function answered(body = phoneSdp(4000)): Promise<{ terminal: Terminal; caller: FakeIncoming }> {
    const caller = await world.dial('2001', '100', body);
    const [call] = world.core.calls.all();
    const user = world.directory.user('pbx.test', '100');
    const rungAs = call?.caller.leg;
    assert.ok(call !== undefined && rungAs !== undefined && user !== undefined);
    const terminal = await world.core.terminals.open(call, rungAs, {
      kind: 'terminal',
      user,
      name: 'mailbox',
    });
    await bridge(call, terminal.leg, rungAs);
    await settle();
    return { terminal, caller };
  }

  const running = <T>(promise: Promise<T>): Running<T> => {
    const state: Running<T> = {};
    void promise.then((result) => (state.result = result));
    return state;
  };
  const resultOf = <T>({ result }: Running<T>): T | undefined => result;
  const commands = (name: string) => world.engine.commands.filter((command) => command.name === name);
  /** The media engine heard the caller press a key. */
  const press = (event: number) => {
    const call = world.core.calls.all()[0];
    const said = { type: 'DTMF', callid: call?.id, source_tag: call?.caller.leg?.tag, event, duration: 100 };
    world.core.dtmfLog(Buffer.from(JSON.stringify(said)));
  };
  const info = (caller: FakeIncoming, digit: string) =>
    caller.dialog.send('INFO', `Signal=${digit}\r\n`, { 'Content-Type': 'application/dtmf-relay' });

  it('answers the caller in terms that it knows, and takes in what the engine sends', async () => {
    const { terminal, caller } = await answered();
    assert.equal(caller.final?.status, 200);
    assert.equal(await terminal.connected, true);
    assert.match(world.inlets.latest.heard[0] ?? '', /m=audio 3\d{4} RTP\/AVP 0 8 101/);
    const answer = commands('answer').at(-1);
    assert.match(String(answer?.fields['sdp']), /m=audio 50000 RTP\/AVP 0 8 101/);
    const [view] = world.core.listCalls({ domain: 'pbx.test', admin: true });
    assert.equal(view?.legs.at(-1)?.terminal, 'mailbox');
  });

  it('a caller without G.711 is made a common codec, and one without a way to is told 488', async () => {
    const opus = phoneSdp(4000, '96').replace('telephone-event/8000', 'x/8000');
    // The engine here makes nothing; a real one does.
    await assert.rejects(answered(`${opus}a=rtpmap:96 opus/48000/2\r\n`), { status: 488 });
    const offer = commands('offer').at(-1);
    assert.deepEqual(offer?.fields['codec'], { transcode: ['PCMU', 'PCMA'] });
  });

  it('an INVITE without an offer is answered with one (RFC 3264 §4)', async () => {
    const { caller, terminal } = await answered('');
    assert.match(caller.final?.sdp ?? '', /m=audio/);
    assert.equal(terminal.gone, false);
  });

  it('nothing to take sound in with: the leg is not made', async () => {
    world.inlets.empty = true;
    await assert.rejects(answered(), /EADDRINUSE/);
  });

  describe('play', () => {
    it('plays one sound after the other to the caller alone, and says when they are over', async () => {
      const { terminal } = await answered();
      world.engine.playsMs = 2000;
      const played = running(terminal.play([{ file: '/sounds/hello.wav' }, { tone: 'beep' }]));
      await world.pass(1990);
      assert.equal(commands('play media').length, 1);
      await world.pass(20);
      assert.deepEqual(commands('play media').at(-1)?.fields['blob'], tones.beep.sound);
      assert.equal(
        commands('play media').at(-1)?.fields['from-tag'],
        world.core.calls.all()[0]?.caller.leg?.tag,
      );
      await world.pass(160);
      assert.deepEqual(played.result, { ended: 'played' });
    });

    it('a key that may stop it does, another does not', async () => {
      const { terminal } = await answered();
      const played = running(
        terminal.play([{ file: '/sounds/long.wav' }, { tone: 'beep' }], { stopKeys: '1#' }),
      );
      await world.pass(500);
      press(5);
      await world.pass(500);
      assert.equal(played.result, undefined);
      press(11);
      await settle();
      assert.deepEqual(played.result, { ended: 'key', key: '#' });
      assert.equal(commands('stop media').length, 1);
      await world.pass(15_000);
      assert.equal(commands('play media').length, 1, 'the rest is not played');
    });

    it('ends when the caller hangs up, when the engine cannot, and by itself where the engine says no length', async () => {
      const { terminal, caller } = await answered();
      const unsaid = running(terminal.play([{ file: '/sounds/unknown.wav' }]));
      await world.pass(10_020);
      assert.deepEqual(unsaid.result, { ended: 'played' });
      world.engine.broken.add('play media');
      assert.deepEqual(await terminal.play([{ file: '/none.wav' }]), { ended: 'failed' });
      world.engine.broken.delete('play media');
      const played = running(terminal.play([{ file: '/sounds/long.wav' }]));
      await world.pass(100);
      caller.dialog.hangUp();
      await settle();
      assert.deepEqual(played.result, { ended: 'gone' });
      assert.deepEqual(await terminal.play([{ tone: 'beep' }]), { ended: 'gone' });
    });
  });

  describe('collect', () => {
    it('takes digits by telephone event and by INFO, each once, until #', async () => {
      const { terminal, caller } = await answered();
      const collected = running(terminal.collect({ max: 8 }));
      await world.pass(1000);
      press(1);
      await info(caller, '1');
      await info(caller, '2');
      press(2);
      press(2);
      await world.pass(2000);
      press(11);
      await settle();
      assert.deepEqual(collected.result, { digits: '122', ended: 'terminator', enough: true });
      assert.ok(
        commands('block DTMF').some(
          ({ fields }) => fields['from-tag'] === world.core.calls.all()[0]?.caller.leg?.tag,
        ),
      );
    });

    it('ends at the most digits, after a pause, and when nothing is pressed', async () => {
      const { terminal } = await answered();
      const most = running(terminal.collect({ max: 2 }));
      press(1);
      press(2);
      press(3);
      await settle();
      assert.deepEqual(most.result, { digits: '12', ended: 'length', enough: true });
      const short = running(terminal.collect({ min: 4, max: 4, firstDigitMs: 5000, betweenMs: 3000 }));
      await world.pass(4900);
      press(10);
      await world.pass(2900);
      press(0);
      await world.pass(2900);
      assert.equal(short.result, undefined);
      await world.pass(110);
      assert.deepEqual(short.result, { digits: '*0', ended: 'pause', enough: false });
      const nothing = running(terminal.collect({ max: 4 }));
      await world.pass(5010);
      assert.deepEqual(nothing.result, { digits: '', ended: 'pause', enough: false });
    });

    it('a key ends the prompt and counts', async () => {
      const { terminal } = await answered();
      const collected = running(terminal.collect({ prompt: [{ file: '/sounds/pin.wav' }], max: 2 }));
      await world.pass(700);
      press(7);
      await settle();
      assert.equal(commands('stop media').length, 1);
      press(8);
      await settle();
      assert.deepEqual(collected.result, { digits: '78', ended: 'length', enough: true });
    });

    it('ends when the caller hangs up; keys pressed while nobody asks are nobody’s', async () => {
      const { terminal, caller } = await answered();
      press(1);
      const collected = running(terminal.collect({ max: 4 }));
      await world.pass(100);
      caller.dialog.hangUp();
      await settle();
      assert.deepEqual(collected.result, { digits: '', ended: 'gone', enough: false });
    });
  });

  describe('record', () => {
    const file = '/recordings/message.wav';
    const take = () => {
      const [made] = world.inlets.latest.takes.slice(-1);
      assert.ok(made !== undefined, 'it records');
      return made;
    };

    it('beeps, and only then records; a key ends it', async () => {
      const { terminal } = await answered();
      const recorded = running(terminal.record({ file, maxSeconds: 60 }));
      await world.pass(100);
      assert.deepEqual(commands('play media').at(-1)?.fields['blob'], tones.beep.sound);
      assert.equal(world.inlets.latest.takes.length, 0);
      await world.pass(60);
      assert.equal(take().file, file);
      await world.pass(7000);
      press(11);
      await settle();
      assert.equal(recorded.result?.ended, 'key');
      assert.equal(recorded.result.key, '#');
      assert.ok(Math.abs(recorded.result.seconds - 7) < 0.1, `${recorded.result.seconds} s`);
    });

    it('ends at the limit', async () => {
      const { terminal } = await answered();
      const recorded = running(terminal.record({ file, maxSeconds: 20, beep: false }));
      await world.pass(19_900);
      assert.equal(resultOf(recorded), undefined);
      await world.pass(110);
      assert.equal(recorded.result?.ended, 'limit');
      assert.ok(Math.abs(recorded.result.seconds - 20) < 0.05, `${recorded.result.seconds} s`);
    });

    it('ends when nothing is said for so long', async () => {
      const { terminal } = await answered();
      const recorded = running(terminal.record({ file, maxSeconds: 50, silenceSeconds: 5, beep: false }));
      for (let i = 0; i < 4; i++) {
        await world.pass(4000);
        take().speaks();
      }
      await world.pass(4900);
      assert.equal(resultOf(recorded), undefined);
      await world.pass(200);
      assert.equal(recorded.result?.ended, 'silence');
      assert.ok(Math.abs(recorded.result.seconds - 21) < 0.2, `${recorded.result.seconds} s`);
    });

    it('is whole when the caller hangs up in the middle, or during the beep', async () => {
      const { terminal, caller } = await answered();
      const recorded = running(terminal.record({ file, maxSeconds: 50, beep: false }));
      await world.pass(3000);
      caller.dialog.hangUp();
      await settle();
      assert.deepEqual(recorded.result, { file, seconds: 3, spoken: false, ended: 'gone' });
      const second = await answered();
      const none = running(second.terminal.record({ file, maxSeconds: 50 }));
      await world.pass(50);
      second.caller.dialog.hangUp();
      await settle();
      assert.deepEqual(none.result, { file, seconds: 0, spoken: false, ended: 'gone' });
    });

    it('a full disk is told, before and in the middle', async () => {
      const { terminal } = await answered();
      world.inlets.full = true;
      assert.deepEqual(await terminal.record({ file, maxSeconds: 50, beep: false }), {
        file,
        seconds: 0,
        spoken: false,
        ended: 'failed',
      });
      world.inlets.full = false;
      const recorded = running(terminal.record({ file, maxSeconds: 50, beep: false }));
      await world.pass(2000);
      take().failure = new Error('ENOSPC');
      await world.pass(110);
      assert.equal(recorded.result?.ended, 'failed');
    });
  });

  it('hangs up as a phone does', async () => {
    const { terminal, caller } = await answered();
    terminal.hangUp({ cause: 200, text: 'Thank you' });
    await settle();
    assert.equal(caller.dialog.up, false);
    assert.equal(world.core.calls.size, 0);
  });

  it('one at a time', async () => {
    const { terminal } = await answered();
    const first = terminal.play([{ tone: 'beep' }]);
    await assert.rejects(terminal.collect({ max: 1 }), /one at a time/);
    await world.pass(200);
    assert.deepEqual(await first, { ended: 'played' });
  });

  it('the caller moves to another device: that one hears what is played, and its keys count', async () => {
    const { terminal } = await answered();
    const other = await world.dial('2002', '*33');
    await world.pass(100);
    assert.equal(other.final?.status, 200);
    const collected = running(terminal.collect({ prompt: [{ tone: 'beep' }], max: 1 }));
    await settle();
    const call = world.core.calls.all()[0];
    assert.equal(commands('play media').at(-1)?.fields['from-tag'], call?.caller.leg?.tag);
    press(4);
    await settle();
    assert.equal(collected.result?.digits, '4');
  });

  it('another takes its place: all of it ends, and the call goes on', async () => {
    const { terminal, caller } = await answered();
    const [call] = world.core.calls.all();
    assert.ok(call !== undefined);
    const recorded = running(terminal.record({ file: '/r.wav', maxSeconds: 50, beep: false }));
    await world.pass(1000);
    const incoming = new Dialling(world.endpoint('1001'));
    const next = call.newLeg(call.callee, world.endpoint('1001'), incoming);
    await swap(call, call.callee, {
      next,
      connect: async (confirmed) => void (await answerIncoming(call, call.callee, next, confirmed)),
    });
    await settle();
    assert.equal(recorded.result?.ended, 'gone');
    assert.ok(caller.dialog.up && incoming.dialog.up);
    assert.equal(commands('unblock DTMF').at(-1)?.fields['from-tag'], call.caller.leg?.tag);
  });

  it('the media engine dies and another has the call: it goes on; none does: it ends', async () => {
    const { terminal } = await answered();
    const recorded = running(terminal.record({ file: '/r.wav', maxSeconds: 50, beep: false }));
    await world.pass(1000);
    const lose = () =>
      world.core.dtmfLog(
        Buffer.from(JSON.stringify({ type: 'CALL_LOST', callid: world.core.calls.all()[0]?.id })),
      );
    lose();
    await settle();
    assert.equal(world.inlets.latest.heard.length, 2, 'it hears the new engine');
    assert.equal(resultOf(recorded), undefined);
    world.engine.broken.add('offer');
    lose();
    await settle();
    assert.equal(recorded.result?.ended, 'gone');
    assert.equal(world.core.calls.size, 0);
  });
});
