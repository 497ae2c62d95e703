import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryMailboxStore, type VoiceMessage } from '../../stores/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { defaultSettings, type SwitchSettings } from '../call/settings.ts';
import { tones } from '../call/tones.ts';
import { rule, unanswered, after } from '../call/rules-kit.test.ts';
import { FakeEngine } from '../testing/fake-engine.ts';
import type { FakeIncoming } from '../testing/fake-phones.ts';
import type { FakeTake } from '../testing/fake-inlets.ts';
import { domain, settle, World } from '../testing/world.ts';

const admin = { domain, admin: true };
const { voicemail } = defaultSettings;

describe('a mailbox', () => {
  let folder: string;
  let clock: VirtualClock;
  let store: MemoryMailboxStore;
  let world: World;
  const open = async (settings: Partial<SwitchSettings> = {}) => {
    world = await World.create(clock, settings, new FakeEngine(), { mailboxes: { store, folder } });
    world.engine.heard.add('*');
    await toMailbox([unanswered(20)]);
  };
  const toMailbox = (when: Parameters<typeof rule>[0]) =>
    world.routing.putRouting({
      owner: { domain, kind: 'user', id: 'u100' },
      rules: [rule(when, { kind: 'mailbox', of: 'own' })],
      profiles: [],
    });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'voicemail-'));
    clock = new VirtualClock();
    store = new MemoryMailboxStore();
  });
  afterEach(async () => {
    for (const call of world.core.calls.all()) call.end('switch', { cause: 200, text: 'test over' });
    await world.pass(3000);
    assert.equal(world.engine.live.size, 0);
    assert.ok(world.inlets.opened.every((inlet) => !inlet.open));
    world.close();
    await settle();
    assert.equal(clock.pending, 0, 'no timer is left');
    rmSync(folder, { recursive: true, force: true });
  });

  /** 2001 calls 100, whose desk phone rings. */
  async function calls(): Promise<FakeIncoming> {
    const caller = await world.dial('2001', '100');
    if (world.wasCalled('1001')) world.at('1001').ring();
    await settle();
    return caller;
  }
  const messages = async (): Promise<readonly VoiceMessage[]> =>
    (await store.list({ userId: 'u100', limit: 100 })).items;
  /** Files are real: they take their time. */
  async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < 2000; tries += 1) {
      const found = await look();
      if (found !== undefined) return found;
      await settle();
    }
    throw new Error(`waited in vain: ${what}`);
  }
  const played = () =>
    world.engine.commands.filter(({ name }) => name === 'play media').map(({ fields }) => fields['blob']);
  /** Rings, is not answered, hears the greeting and the beep. */
  async function recording(caller: FakeIncoming): Promise<FakeTake> {
    await world.pass(20_010);
    assert.equal(caller.final?.status, 200);
    return until('the recording', async () => {
      await world.pass(20);
      return world.inlets.latest.takes.at(-1);
    });
  }
  /** What a file delays begins later by the clock of the calls, too. */
  const ended = (caller: FakeIncoming) =>
    until('the end', async () => {
      await world.pass(20);
      return caller.dialog.up ? undefined : true;
    });

  it('S2-24 S2-54 nobody answers: greeting, beep, and what is said then is in the mailbox', async () => {
    await open();
    const startedAt = clock.wall();
    const caller = await calls();
    const take = await recording(caller);
    assert.deepEqual(played(), [tones.greeting.sound, tones.beep.sound]);
    const spokenAt = clock.wall();
    assert.equal(world.core.calls.ofUser('u100').length, 0, 'who is called is not in a call');
    await world.pass(5000);
    take.speaks();
    caller.dialog.hangUp();
    const [message] = await until('the message', async () => {
      const all = await messages();
      return all.length > 0 ? all : undefined;
    });
    assert.ok(message !== undefined);
    assert.equal(take.file, join(folder, `${message.id}.wav`));
    const { id: _id, callId: _callId, ...said } = message;
    assert.ok(said.at <= spokenAt && said.at > startedAt);
    assert.deepEqual(said, {
      domain,
      userId: 'u100',
      at: said.at,
      seconds: take.seconds,
      from: '200',
      name: 'User 200',
      heard: false,
    });
    assert.ok(Math.abs((take.seconds ?? 0) - 5) < 0.1);
    await until('nothing left to note', () => (readdirSync(folder).length === 0 ? true : undefined));
  });

  it('# skips the greeting, # ends the message; then the caller is hung up on', async () => {
    await open();
    const caller = await calls();
    await world.pass(20_010);
    const press = () => caller.dialog.send('INFO', '#', { 'Content-Type': 'application/dtmf' });
    await press();
    const take = await until('the recording', async () => {
      await world.pass(20);
      return world.inlets.latest.takes.at(-1);
    });
    assert.ok(world.engine.commands.some(({ name }) => name === 'stop media'));
    await world.pass(3000);
    take.speaks();
    await press();
    await ended(caller);
    assert.equal((await messages()).length, 1);
    assert.deepEqual(caller.dialog.bye_, { cause: 200, text: 'Message taken' });
  });

  it('silence ends a message, and one of silence alone, or too short a one, is not kept', async () => {
    await open();
    const first = await calls();
    const spoken = await recording(first);
    await world.pass(2000);
    spoken.speaks();
    await world.pass(voicemail.silenceSeconds * 1000 + 200);
    await ended(first);
    assert.equal((await messages()).length, 1);
    const second = await calls();
    await recording(second);
    await world.pass(voicemail.silenceSeconds * 1000 + 200);
    await ended(second);
    const third = await calls();
    const short = await recording(third);
    await world.pass(500);
    short.speaks();
    third.dialog.hangUp();
    await until('its end', () => (short.seconds === undefined ? undefined : true));
    await until('no files', () => (readdirSync(folder).length === 0 ? true : undefined));
    assert.equal((await messages()).length, 1);
  });

  it('a mailbox that is full, a disk that is full, no port left: the caller is told, and nothing stays', async () => {
    await open({ voicemail: { ...voicemail, messages: 1 } });
    world.inlets.full = true;
    const first = await calls();
    await world.pass(22_000);
    await ended(first);
    assert.ok(played().includes(tones.error.sound));
    assert.deepEqual(first.dialog.bye_, { cause: 503, text: 'No message can be taken' });
    assert.deepEqual(readdirSync(folder), []);
    world.inlets.full = false;
    await store.put({
      id: 'old',
      domain,
      userId: 'u100',
      at: 1,
      seconds: 1,
      from: '',
      name: '',
      callId: '',
      heard: true,
    });
    const second = await calls();
    await world.pass(22_000);
    await ended(second);
    assert.deepEqual(second.dialog.bye_, { cause: 480, text: 'Mailbox full' });
    world.inlets.empty = true;
    const third = await calls();
    await world.pass(20_010);
    assert.equal(third.final?.status, 480);
  });

  it('X12 a cold target that is not there: the mailbox, without any rule', async () => {
    await open();
    await world.routing.putRouting({
      owner: { domain, kind: 'user', id: 'u100' },
      rules: [],
      profiles: [],
    });
    await world.bindings.register({
      domain,
      aor: '1001',
      userId: 'u100',
      deviceId: 'd1001',
      flow: { protocol: 'udp', address: '192.0.2.9', port: 1001 },
      path: [],
      callId: 'register-1001',
      cseq: 2,
      contacts: [{ uri: 'sip:1001@192.0.2.9:1001', q: 1, seconds: 0 }],
    });
    await world.coldRoutes.set({ userId: 'u100', deviceId: 'd1001', setAt: 0, setBy: '1001' });
    const caller = await calls();
    assert.equal(caller.final?.status, 200);
    assert.match(world.core.calls.all()[0]?.decisions.join('\n') ?? '', /mailbox of 100/);
  });

  it('another mailbox system that the configuration names has the calls', async () => {
    await open({ routing: { ...defaultSettings.routing, mailboxFallback: '2002' } });
    await toMailbox([]);
    await calls();
    assert.ok(world.wasCalled('2002'));
  });

  it('messages that the process died over are in the mailbox at the next start, as far as they were spoken', async () => {
    const draft = (id: string) =>
      writeFileSync(
        join(folder, `${id}.json`),
        JSON.stringify({ id, domain, userId: 'u100', at: 5, from: '200', name: 'Bob', callId: 'c' }),
      );
    for (const id of ['spoken', 'short', 'none']) draft(id);
    writeFileSync(join(folder, 'spoken.wav'), Buffer.alloc(44 + 16_000 * 3));
    writeFileSync(join(folder, 'short.wav'), Buffer.alloc(44 + 1600));
    writeFileSync(join(folder, 'broken.json'), '{');
    await open();
    await until('three were looked at', () => (readdirSync(folder).length === 2 ? true : undefined));
    assert.deepEqual(
      (await messages()).map(({ id, seconds }) => [id, seconds]),
      [['spoken', 3]],
    );
    assert.deepEqual(readdirSync(folder).toSorted(), ['broken.json', 'spoken.wav']);
  });

  it('is listed, read, marked and emptied by its user and an administrator, and by nobody else', async () => {
    await open();
    const { mailboxes } = world.core;
    const one: VoiceMessage = {
      id: 'a1',
      domain,
      userId: 'u100',
      at: 5,
      seconds: 2,
      from: '200',
      name: 'Bob',
      callId: 'c',
      heard: false,
    };
    await store.put(one);
    writeFileSync(join(folder, 'a1.wav'), 'sound');
    const ada = { domain, userId: 'u100', admin: false };
    const bob = { domain, userId: 'u200', admin: false };
    assert.deepEqual(await mailboxes.summary('100', ada), { ok: true, all: 1, unheard: 1 });
    assert.deepEqual(await mailboxes.list('100', { limit: 9 }, admin), { ok: true, page: { items: [one] } });
    for (const refused of [
      await mailboxes.summary('100', bob),
      await mailboxes.list('100', { limit: 9 }, bob),
      await mailboxes.get('100', 'a1', bob),
      await mailboxes.get('200', 'a1', bob),
      await mailboxes.sound('100', 'a1', bob),
      await mailboxes.mark('100', 'a1', true, bob),
      await mailboxes.remove('100', 'a1', bob),
    ])
      assert.equal(refused.ok ? 200 : refused.status, 404);
    const sound = await mailboxes.sound('100', 'a1', ada);
    assert.ok(sound.ok && sound.size === 5);
    assert.equal((await sound.stream.toArray()).join(''), 'sound');
    assert.deepEqual(await mailboxes.mark('100', 'a1', true, ada), {
      ok: true,
      message: { ...one, heard: true },
    });
    assert.deepEqual(await mailboxes.summary('100', ada), { ok: true, all: 1, unheard: 0 });
    assert.deepEqual(await mailboxes.remove('100', 'a1', ada), { ok: true });
    assert.equal(existsSync(join(folder, 'a1.wav')), false);
    assert.equal((await mailboxes.get('100', 'a1', ada)).ok, false);
  });

  it('goes with its user', async () => {
    await open();
    writeFileSync(join(folder, 'a1.wav'), 'sound');
    for (const [id, userId] of [
      ['a1', 'u100'],
      ['b1', 'u200'],
    ] as const)
      await store.put({
        id,
        domain,
        userId,
        at: 5,
        seconds: 2,
        from: '',
        name: '',
        callId: 'c',
        heard: false,
      });
    await world.directory.removeUser('u100');
    await until('no sound', () => (existsSync(join(folder, 'a1.wav')) ? undefined : true));
    await until('no message', async () => ((await store.count('u100')).all === 0 ? true : undefined));
    assert.equal((await store.count('u200')).all, 1);
  });

  it('who has no rule for it goes on as before', async () => {
    await open();
    await toMailbox([after('busy')]);
    const caller = await calls();
    await world.pass(61_000);
    assert.equal(caller.final?.status, 480);
  });
});
