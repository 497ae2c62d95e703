import assert from 'node:assert/strict';
import type { TraceEntry } from '../src/stores/index.ts';
import type { Client, Events } from '../src/testing/http-client.ts';
import { serveApi, usersWithPins, type Api } from './api.ts';
import { Product } from './product.ts';

describe('rules by API, and the calls that they direct', () => {
  let product: Product;
  let api: Api;
  let ada: Client;
  let events: Events;
  beforeEach(async () => {
    product = await Product.start({ seed: usersWithPins });
    api = await serveApi(product);
    ada = await api.nobody.login('100');
    events = await api.admin.events();
  });
  afterEach(async () => {
    events.close();
    await product.close();
    await api.close();
  });

  it('S2-48 S2-69 S2-71 a user makes a rule, the next call follows it, and the record says why', async () => {
    const [bob, desk, other] = await Promise.all(['2001', '1001', '2002'].map((name) => product.phone(name)));
    assert.ok(bob !== undefined && desk !== undefined && other !== undefined);
    const said = await ada.put('/api/v1/users/100/rules', {
      items: [
        {
          name: 'To Bob after two seconds',
          when: [{ kind: 'result', is: ['no-answer', 'not-reachable'], afterSeconds: 2 }],
          then: { kind: 'forward', to: '200' },
        },
      ],
    });
    assert.equal(said.status, 200, said.text);
    const id = String(said.body.items[0]?.['id']);

    const caller = await bob.invite('100');
    const first = await desk.incoming();
    await first.ring();
    await caller.ringing();
    const second = await other.incoming();
    await first.ended();
    await second.ring();
    await second.answer();
    await caller.answered();
    await caller.media.rtp.hears(10, '2002');
    await second.media.rtp.hears(10, '2001');
    assert.equal(
      caller.messages.filter(({ message }) => 'status' in message && message.status === 180).length,
      1,
    );
    await caller.hangup();
    await second.ended();

    const call = String((await events.next('call.ended')).data['id']);
    const record = await recordOf(api.admin, call);
    const trace = record['trace'] as readonly TraceEntry[];
    assert.ok(trace.some((entry) => entry.rule?.id === id && entry.taken === true));
    const rounds = trace.filter((entry) => entry.rang !== undefined);
    assert.deepEqual(
      rounds.map(({ rang }) => rang),
      [['1001'], ['2002']],
    );
    assert.equal(rounds.at(-1)?.result, 'answered');
    assert.match(String(record['decisions']), /To Bob after two seconds/);
  });

  it('S2-53 do not disturb from the phone: the next call is busy', async () => {
    const [bob, desk] = await Promise.all(['2001', '1001'].map((name) => product.phone(name)));
    assert.ok(bob !== undefined && desk !== undefined);
    const code = await desk.invite('*78');
    await code.answered();
    await code.ended();
    const caller = await bob.invite('100');
    await caller.received(486);
    assert.equal(desk.rung.length, 0);
  });
});

async function recordOf(admin: Client, call: string): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 100; tries++) {
    const { status, body } = await admin.get(`/api/v1/records/${call}`);
    if (status === 200) return body;
    await new Promise((done) => setTimeout(done, 20));
  }
  return assert.fail('no record');
}
