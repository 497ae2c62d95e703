import assert from 'node:assert/strict';
import { VirtualClock } from '../../testing/index.ts';
import type { NgReply } from '../call/media-engine.ts';
import { defaultSettings } from '../call/settings.ts';
import { FakeEngine } from '../testing/fake-engine.ts';
import { phoneSdp } from '../testing/fake-phones.ts';
import { settle, World } from '../testing/world.ts';

/** Does not tell of silence by itself, and takes its time to answer questions. */
class SlowEngine extends FakeEngine {
  override announces = false;
  readonly asked: (() => void)[] = [];
  most = 0;

  override command(name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    if (name !== 'query') return super.command(name, fields);
    return new Promise((resolve, reject) => {
      this.asked.push(() => void super.command(name, fields).then(resolve, reject));
      this.most = Math.max(this.most, this.asked.length);
    });
  }

  answerAll(): number {
    const asked = this.asked.splice(0);
    for (const answer of asked) answer();
    return asked.length;
  }
}

describe('legs that fall silent, where the media engine does not tell (S3-03)', () => {
  let world: World;
  let engine: SlowEngine;
  beforeEach(async () => {
    engine = new SlowEngine();
    const limits = { ...defaultSettings.limits, callsPerUser: 1000, callsPerSecond: 1000, callBurst: 1000 };
    world = await World.create(new VirtualClock(), { limits }, engine);
    world.engine.heard.add('*');
  });
  afterEach(async () => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    while (engine.answerAll() > 0) await settle();
    world.close();
  });
  const talk = async (count: number, sdp?: string) => {
    for (let i = 0; i < count; i++) {
      await world.dial('2001', '100', sdp);
      world.at('1001').answer();
      await settle();
    }
  };

  it('many calls are asked about a few at a time, and every one of them in turn', async () => {
    const calls = 200;
    await talk(calls);
    const asked = new Set<unknown>();
    let rounds = 0;
    for (; rounds < 1000 && asked.size < calls; rounds++) {
      await world.pass(1000);
      engine.answerAll();
      await settle();
      for (const { name, fields } of engine.commands) if (name === 'query') asked.add(fields['call-id']);
    }
    assert.equal(asked.size, calls);
    assert.ok(engine.most > 0 && engine.most <= 32, `${engine.most} questions at once`);
  });

  it('a leg that is on hold and sends nothing is not asked about', async () => {
    await talk(1, phoneSdp(4000, '0 8 101', 'recvonly'));
    const [call] = world.core.calls.all();
    for (let i = 0; i < 12; i++) {
      await world.pass(1000);
      engine.answerAll();
      await settle();
    }
    const asked = engine.commands
      .filter(({ name }) => name === 'query')
      .map(({ fields }) => fields['from-tag']);
    assert.ok(asked.includes(call?.callee.leg?.tag));
    assert.ok(!asked.includes(call?.caller.leg?.tag));
  });
});
