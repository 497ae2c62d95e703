import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Emitter, systemRandom } from '../base/index.ts';
import { World } from '../switch/testing/world.ts';
import type { CallEvents } from '../switch/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { EventLog } from './event-log.ts';
import { EventStreams } from './event-streams.ts';
import type { Who } from './who.ts';

class Reader extends EventEmitter {
  readonly written: string[] = [];
  readonly writableLength = 0;
  write(text: string) {
    this.written.push(text);
  }
  end() {
    this.emit('close');
  }
  get ids() {
    return this.written.flatMap((text) => /^id: (.*)$/m.exec(text)?.[1] ?? []);
  }
  get names() {
    return this.written.flatMap((text) => /^event: (.*)$/m.exec(text)?.[1] ?? []);
  }
}

describe('what is kept for readers that come back', () => {
  const admin = { name: 'admin', asker: { domain: 'pbx.test', admin: true } } as unknown as Who;
  let clock: VirtualClock;
  let world: World;
  let log: EventLog;
  let streams: EventStreams;
  beforeEach(async () => {
    clock = new VirtualClock();
    world = await World.create(clock);
    const { directory, bindings, coldRoutes } = world;
    const calls = new Emitter<CallEvents>();
    log = new EventLog({ directory, bindings, coldRoutes, calls, domain: 'pbx.test', random: systemRandom });
    streams = new EventStreams({ log, clock, valid: () => true });
  });
  afterEach(() => {
    streams.close();
    log.close();
  });

  const read = (lastEventId?: string) => {
    const reader = new Reader();
    streams.open(admin, reader as unknown as ServerResponse, lastEventId);
    return reader;
  };
  const happens = () => world.bindings.removeDevice('d1003').then(() => world.register('1003'));

  it('comes to who is back within a minute', async () => {
    const first = read();
    await happens();
    first.end();
    await happens();
    clock.advance(59_000);
    const second = read(first.ids[0]);
    assert.deepEqual(second.names, ['binding.added', 'binding.removed', 'binding.added']);
    clock.advance(60_000);
    await happens();
    second.end();
    assert.deepEqual(
      read(second.ids[0]).names.length,
      4,
      'a reader that came back is one that may come again',
    );
  });

  it('is forgotten when nobody has read for a minute, and the next reader is told', async () => {
    const first = read();
    await happens();
    first.end();
    clock.advance(60_000);
    await happens();
    const second = read(first.ids[0]);
    assert.deepEqual(second.names, ['reset']);
    await happens();
    assert.deepEqual(second.names, ['reset', 'binding.removed', 'binding.added']);
  });
});
