import assert from 'node:assert/strict';
import { silentLogger, systemClock as clock, systemRandom as random } from '../../base/index.ts';
import { NgServer, ngText, type NgDictionary } from '../../ng/index.ts';
import type { MediaEngine } from './media-engine.ts';
import { createMediaEngine } from './rtpengine.ts';

/** A media engine that knows which calls it has, and nothing of media. */
class Engine {
  calls = new Set<string>();
  readonly asked: string[] = [];
  /** Nothing is answered while it is set. */
  mute = false;
  /** Deletions are done but not answered before it resolves. */
  deleted = Promise.resolve();
  pings = 0;
  /** Whether a call is over when a device is taken out of it. */
  endsWithDevice = true;
  readonly #server: NgServer;

  constructor() {
    const handle = (request: NgDictionary) => this.#handle(request);
    this.#server = new NgServer({ address: '127.0.0.1', port: 0, clock, logger: silentLogger, handle });
  }

  get node() {
    return { host: '127.0.0.1', port: this.#server.port };
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  #handle(request: NgDictionary): NgDictionary | Promise<NgDictionary> {
    if (this.mute) return new Promise(() => undefined);
    const command = ngText(request, 'command') ?? '';
    const callId = ngText(request, 'call-id') ?? '';
    if (command === 'ping') {
      this.pings += 1;
      return { result: 'pong' };
    }
    this.asked.push(`${command} ${callId}`);
    if (command === 'offer') this.calls.add(callId);
    else if (!this.calls.has(callId)) return { result: 'error', 'error-reason': 'Unknown call-id' };
    if (command !== 'delete') return { result: 'ok', sdp: 'v=0' };
    if (this.endsWithDevice || request['from-tag'] === undefined) this.calls.delete(callId);
    return this.deleted.then(() => ({ result: 'ok' }));
  }
}

const until = async (holds: () => boolean) => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 1000) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

describe('several media engines behind one', () => {
  let engines: Engine[] = [];
  let media: MediaEngine;
  const lost: string[] = [];
  // So long that a machine that stands still for a moment makes no node dead.
  const begin = (count: number, pingMs = 250) => {
    engines = Array.from({ length: count }, () => new Engine());
    const nodes = engines.map((engine) => engine.node);
    media = createMediaEngine({ nodes, clock, random, log: silentLogger, pingMs, timeoutMs: 1000 });
    lost.length = 0;
    media.onLost?.((callId) => lost.push(callId));
  };
  afterEach(async () => {
    media.close();
    for (const engine of engines) await engine.close();
  });
  const offer = (callId: string) =>
    media.command('offer', { 'call-id': callId, 'from-tag': 'a', sdp: 'v=0' });
  const having = (callId: string) => engines.findIndex((engine) => engine.calls.has(callId));

  it('S3-08 every command of a call goes where it began, and a new call where there are fewer', async () => {
    begin(2, 60_000);
    for (const id of ['1', '2', '3', '4']) await offer(id);
    assert.deepEqual(
      engines.map((engine) => engine.calls.size),
      [2, 2],
    );
    for (const id of ['1', '2', '3', '4']) await media.command('query', { 'call-id': id });
    for (const id of ['1', '3']) await media.command('delete', { 'call-id': id });
    await offer('5');
    assert.equal(having('5'), 0);
    assert.deepEqual(lost, []);
  });

  it('S3-08 a node that falls silent loses its calls, is used no more, and is used again when it is back', async () => {
    begin(2);
    for (const id of ['1', '2', '3']) await offer(id);
    const [dead, other] = engines as [Engine, Engine];
    dead.mute = true;
    await until(() => lost.length === dead.calls.size);
    assert.deepEqual(lost.toSorted(), [...dead.calls].toSorted());
    assert.ok(media.alive);
    for (const id of lost) await offer(id);
    assert.deepEqual([...other.calls].toSorted(), ['1', '2', '3']);
    dead.calls.clear();
    dead.mute = false;
    const back = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await offer(`new-${dead.asked.length}-${other.asked.length}`);
      return dead.calls.size > 0;
    };
    for (let tries = 0; !(await back()); tries += 1) assert.ok(tries < 1000, 'never used again');
  });

  it('S3-08 a node that was started again is there, but without its calls', async () => {
    begin(1);
    for (const id of ['1', '2']) await offer(id);
    const [engine] = engines as [Engine];
    engine.calls.delete('2');
    await until(() => lost.length === 1);
    assert.deepEqual(lost, ['2']);
    assert.ok(engine.calls.has('1'));
    await media.command('query', { 'call-id': '1' });
  });

  it('a call that is just being deleted is not lost, however late its node says so', async () => {
    begin(1, 100);
    for (const id of ['1', '2']) await offer(id);
    const [engine] = engines as [Engine];
    let answerNow = () => undefined as void;
    engine.deleted = new Promise((resolve) => (answerNow = resolve));
    const deletion = media.command('delete', { 'call-id': '1' });
    await until(() => !engine.calls.has('1'));
    const { pings } = engine;
    await until(() => engine.pings > pings + 3);
    answerNow();
    await deletion;
    assert.deepEqual(lost, []);
  });

  it('a call that ended with its last device is not lost, but is again once it has media', async () => {
    begin(1, 100);
    await offer('1');
    const [engine] = engines as [Engine];
    await media.command('delete', { 'call-id': '1', 'from-tag': 'a', 'via-branch': 'b' });
    assert.equal(engine.calls.size, 0);
    const { pings } = engine;
    await until(() => engine.pings > pings + 3);
    assert.deepEqual(lost, []);
    await offer('1');
    engine.calls.clear();
    await until(() => lost.length === 1);
  });

  it('a call is lost although a device was taken out of it before', async () => {
    begin(1, 100);
    await offer('1');
    const [engine] = engines as [Engine];
    engine.endsWithDevice = false;
    await media.command('delete', { 'call-id': '1', 'from-tag': 'a' });
    const asked = () => engine.asked.filter((one) => one === 'query 1').length;
    await until(() => asked() > 1);
    engine.calls.clear();
    await until(() => lost.length === 1);
  });

  it('a call that is being set up when its node dies begins on another', async () => {
    begin(2);
    engines[0]!.mute = true;
    await offer('1');
    assert.equal(having('1'), 1);
  });

  it('with nobody else to take them over calls stay where they are', async () => {
    begin(1);
    await offer('1');
    engines[0]!.mute = true;
    await until(() => !media.alive);
    engines[0]!.mute = false;
    await until(() => media.alive);
    await media.command('query', { 'call-id': '1' });
    assert.deepEqual(lost, []);
  });

  it('the end of a call of an earlier process is told to all', async () => {
    begin(3);
    engines[2]!.calls.add('before');
    await media.command('delete', { 'call-id': 'before' });
    assert.deepEqual(engines[2]!.calls.size, 0);
  });
});
