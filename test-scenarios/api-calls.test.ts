import assert from 'node:assert/strict';
import type { CallRecord } from '../src/stores/index.ts';
import type { Client, Events } from '../src/testing/http-client.ts';
import type { PhoneCall } from '../src/testing/phone-call.ts';
import { serveApi, usersWithPins, type Api } from './api.ts';
import { Product } from './product.ts';
import { mediaEngine, oneStream } from './one-stream.ts';

describe('calls by API through the whole product, by packets', () => {
  let product: Product;
  let api: Api;
  let ada: Client;
  let events: Events;
  let far: PhoneCall;
  let desk: PhoneCall;
  let call: string;
  beforeEach(async () => {
    product = await Product.start({ seed: usersWithPins });
    api = await serveApi(product);
    ada = await api.nobody.login('100');
    events = await ada.events();
    const bob = await product.phone('2001');
    const phone = await product.phone('1001');
    far = await bob.invite('100');
    desk = await phone.incoming();
    await desk.answer();
    await far.answered();
    await far.media.rtp.hears(10, '1001');
    await desk.media.rtp.hears(10, '2001');
    call = String((await events.next('call.created')).data['id']);
  });
  afterEach(async () => {
    events.close();
    await product.close();
    await api.close();
  });

  const flip = (body: unknown) => ada.post(`/api/v1/calls/${call}/flip`, body);
  const theRecord = async (): Promise<Record<string, unknown> & Pick<CallRecord, 'legs' | 'flips'>> => {
    await events.next('call.ended');
    for (let tries = 0; tries < 100; tries++) {
      const { status, body } = await ada.get(`/api/v1/records/${call}`);
      if (status === 200) return body as never;
      await new Promise((done) => setTimeout(done, 20));
    }
    return assert.fail('no record');
  };

  it('S1-05 S1-65 S3-05 S3-06 S3-07 S3-08 a user moves the talk to the mobile; the far party notices nothing; the record has it all', async () => {
    const targets = (await ada.get('/api/v1/users/100/devices')).body.items;
    assert.deepEqual(
      targets.map((d) => [d['extension'], d['registered']]),
      [
        ['1001', true],
        ['1002', false],
        ['1003', false],
      ],
    );
    const mobile = await product.phone('1002');
    const begun = await flip({ device: '1002' });
    assert.deepEqual([begun.status, begun.body['result']], [202, 'ringing']);
    const incoming = await mobile.incoming();
    await incoming.ring();
    await far.media.rtp.hears(10, '1001');
    await incoming.answer();
    await desk.ended();
    await far.media.rtp.hears(10, '1002');
    await incoming.media.rtp.hears(10, '2001');
    const moved = await events.next('flip.moved');
    assert.equal(moved.data['id'], begun.body['id']);
    oneStream(far.media.rtp);
    assert.deepEqual(far.reinvites, []);
    await far.hangup();
    await incoming.ended();
    const record = await theRecord();
    assert.deepEqual(
      [record['from'], record['to'], record['user'], record['endedBy']],
      ['200', '100', '100', 'caller'],
    );
    const talked = record.legs.filter((leg) => leg.party === 'callee' && leg.answeredAt !== undefined);
    assert.deepEqual(
      talked.map((leg) => leg.device),
      ['1001', '1002'],
    );
    // What the media engine counted, of the device that left before the end too.
    for (const { quality } of talked) {
      assert.ok((quality?.packets ?? 0) >= 10, JSON.stringify(quality));
      // rtpengine counts losses by the phones' own reports (RTCP), of which these send none.
      assert.equal(quality?.lost, mediaEngine === 'embedded' ? 0 : undefined);
    }
    const [one] = record.flips;
    assert.deepEqual([one?.kind, one?.from, one?.to, one?.result], ['push', '1001', '1002', 'moved']);
    assert.ok((one?.setup_ms ?? -1) >= 0 && (one?.audio_ms ?? -1) >= 0, JSON.stringify(one));
    // Nor does it tell what it sent: there is no figure then.
    assert.equal(one?.lost_packets, mediaEngine === 'embedded' ? 0 : undefined);
    assert.equal((one?.gap_ms ?? -1) >= 0, mediaEngine === 'embedded', JSON.stringify(one));
    const { text } = await api.nobody.get('/metrics');
    assert.match(text, /flipswitch_flips_total\{kind="push",result="moved"\} 1/);
    assert.match(text, /flipswitch_calls_ended_total\{result="answered"\} 1/);
  });

  it('S1-04 to the other devices: the first to answer has the call', async () => {
    const phones = [await product.phone('1002'), await product.phone('1003')];
    assert.equal((await flip({ to: 'other-devices' })).status, 202);
    const [mobile, desktop] = await Promise.all(phones.map((phone) => phone.incoming()));
    assert.ok(mobile && desktop);
    await Promise.all([mobile.ring(), desktop.ring()]);
    await desktop.answer();
    await Promise.all([mobile.ended(), desk.ended()]);
    await far.media.rtp.hears(10, '1003');
    assert.equal((await events.next('flip.moved')).data['to'], '1003');
  });

  it('S0-65 busy is told, and the two talk on; a second flip works', async () => {
    const mobile = await product.phone('1002');
    mobile.behaviour.rejectsWith = 486;
    await flip({ device: '1002' });
    const failed = await events.next('flip.failed');
    assert.notEqual(failed.data['reason'], undefined);
    await far.media.rtp.hears(5, '1001');
    const desktop = await product.phone('1003');
    assert.equal((await flip({ device: '1003' })).status, 202);
    await (await desktop.incoming()).answer();
    await far.media.rtp.hears(5, '1003');
  });

  it('S0-64 DELETE cancels while it rings', async () => {
    const mobile = await product.phone('1002');
    const begun = await flip({ device: '1002' });
    const incoming = await mobile.incoming();
    await incoming.ring();
    assert.equal((await ada.delete(begun.headers.get('location') ?? '')).status, 204);
    await incoming.ended();
    await events.next('flip.cancelled');
    await far.media.rtp.hears(5, '1001');
    await desk.media.rtp.hears(5, '2001');
  });

  it('the far party may move its own side, and neither is told of the other’s flip', async () => {
    const ben = await api.nobody.login('200');
    const others = await ben.events();
    const mobile = await product.phone('2002');
    const begun = await ben.post(`/api/v1/calls/${call}/flip`, { device: '2002' });
    assert.equal(begun.status, 202);
    await (await mobile.incoming()).answer();
    await others.next('flip.moved');
    await desk.media.rtp.hears(5, '2002');
    assert.deepEqual(
      events.seen.filter((event) => event.name.startsWith('flip.')),
      [],
    );
    assert.equal((await ben.post(`/api/v1/calls/${call}/flip`, { device: '1002' })).status, 403);
    others.close();
  });

  it('DELETE ends the call for both, with the reason', async () => {
    assert.equal((await ada.delete(`/api/v1/calls/${call}`)).status, 204);
    await Promise.all([far.ended(), desk.ended()]);
    assert.match(far.endReason ?? '', /Ended by request/);
    assert.equal((await theRecord())['endedBy'], 'switch');
  });
});
