import assert from 'node:assert/strict';
import { Baresip, needBaresip, type BaresipOptions } from './baresip.ts';
import { Phone, type PhoneOptions } from './phone.ts';

describe('baresip under test', () => {
  const ends: (() => Promise<void>)[] = [];
  before(function () {
    needBaresip(this);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  const phone = async (options: PhoneOptions) => {
    const opened = await Phone.open(options);
    ends.push(() => opened.close());
    return opened;
  };
  const baresip = async (options: BaresipOptions) => {
    const started = await Baresip.start(options);
    ends.push(() => started.close());
    return started;
  };

  it('registers, calls, is heard, hears, presses a digit and hangs up', async () => {
    const bob = await phone({ name: 'bob', rtp: true });
    const [address = '', port = ''] = bob.domain.split(':');
    const ann = await baresip({ user: 'ann', server: { address, port: Number(port) }, tone: 440 });
    await ann.registered();
    await ann.dial(bob.uri);
    const call = await bob.incoming();
    await call.ring();
    await ann.event('CALL_RINGING');
    await call.answer();
    await ann.event('CALL_ESTABLISHED');
    const { rtp } = call.media;
    await rtp.until(() => rtp.toneShare(440) > 0.5, 'the tone of 440 Hz');
    rtp.tone = [880];
    await ann.hears(880);
    await ann.press('5');
    await rtp.until(() => rtp.digits === '5', 'the digit');
    await ann.hangup();
    await call.ended();
    assert.equal(call.endedBy, 'remote');
    assert.equal(ann.events.filter((e) => e.type === 'CALL_CLOSED').length, 1);
  });

  it('is called where it registered, answers and is hung up on', async () => {
    const bob = await phone({ name: 'bob', rtp: true });
    const [address = '', port = ''] = bob.domain.split(':');
    const ann = await baresip({ user: 'ann', server: { address, port: Number(port) }, answers: true });
    await ann.registered();
    const register = await bob.received('REGISTER');
    const contact = /<([^>]+)>/.exec(register.headers.get('contact') ?? '')?.[1] ?? '';
    const call = await (await bob.invite(contact)).answered();
    const { rtp } = call.media;
    await rtp.until(() => rtp.toneShare(440) > 0.5, 'the tone of 440 Hz');
    assert.equal((await call.hangup())?.status, 200);
    await ann.event('CALL_CLOSED');
  });
});
