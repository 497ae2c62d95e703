import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { Phone } from './phone.ts';
import { needSipp, Sipp } from './sipp.ts';

const scenario = (name: string) => resolve(import.meta.dirname, `../../test-scenarios/sipp/${name}.xml`);

describe('SIPp under test', () => {
  const phones: Phone[] = [];
  const open = async (name: string) => {
    const phone = await Phone.open({ name });
    phones.push(phone);
    const [address = '', port = ''] = phone.domain.split(':');
    return { phone, target: { address, port: Number(port) } };
  };
  before(function () {
    needSipp(this);
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
  });

  it('answers a phone, and ends when its calls are done', async () => {
    const { phone, target } = await open('ada');
    const sipp = await Sipp.start({ scenario: scenario('answer'), target });
    try {
      const call = await (await phone.invite(`sip:bob@127.0.0.1:${sipp.port}`)).answered();
      assert.equal((await call.hangup())?.status, 200);
      await sipp.succeeded();
    } finally {
      await sipp.close();
    }
  });

  it('fails with its messages when a call does not go by its scenario', async () => {
    const { phone, target } = await open('ada');
    const sipp = await Sipp.start({ scenario: scenario('answer'), target });
    try {
      const call = await phone.invite(`sip:bob@127.0.0.1:${sipp.port}`);
      await call.answered();
      void call.info('1').catch(() => undefined);
      await assert.rejects(sipp.succeeded(), /INVITE sip:bob/);
    } finally {
      await sipp.close();
    }
  });
});
