import assert from 'node:assert/strict';
import { domain, Product, twoUsers } from './product.ts';

/**
 * One switch is the carrier of the other, which has an account there as a phone would: what one sends is what the other
 * checks, with SHA-256 first (RFC 8760). Over TCP all of it goes over the connection of the registration.
 */
for (const transport of ['udp', 'tcp'] as const)
  describe(`a switch that is registered at another one, over ${transport}`, function () {
    this.timeout(30_000);
    let carrier: Product;
    let product: Product;
    before(async () => {
      carrier = await Product.start();
      const users = twoUsers.users.filter(({ extension }) => extension === '200');
      product = await Product.start({ seed: { users, groups: [], trunks: [] } });
      await carrier.directory.putNumber({ domain, number: '+15550150', target: '200' });
      await product.directory.putNumber({ domain, number: '100', target: '200' });
      const registered = new Promise<void>((done) => {
        product.product.trunks.events.on('changed', ({ registration }) => {
          if (registration?.state === 'registered') done();
        });
      });
      await product.directory.putTrunk({
        id: 'carrier',
        domain,
        name: 'carrier',
        host: '127.0.0.1',
        port: carrier.server(transport).port,
        transport,
        carrierDomain: domain,
        register: true,
        username: '1001',
        password: 'secret-1001',
      });
      await registered;
    });
    after(async () => {
      await product?.close();
      await carrier?.close();
    });

    it('has a registration there, with the time that was granted', () => {
      const [binding] = carrier.bindings.all();
      assert.deepEqual([binding?.aor, binding?.flow.protocol], ['1001', transport]);
      const { registration } = product.product.trunks.state(domain, 'carrier') ?? {};
      assert.ok((registration?.expiresAt ?? 0) > Date.now() + 60_000);
    });

    it('calls out with its account, and hangs up with it', async () => {
      const far = await carrier.phone('2001', { rtp: false });
      far.behaviour.answers = true;
      const near = await product.phone('2002', { rtp: false });
      const call = await near.invite('+15550150');
      await call.answered();
      assert.equal(far.rung.length, 1);
      assert.match(far.rung[0]?.caller ?? '', /"Ada" <sip:100@/, 'as whom the account is known there');
      await call.hangup();
      await far.rung[0]?.ended();
      await far.unregister();
      await near.unregister();
    });

    it('S2-04 is called at its registration; To says the number', async () => {
      const near = await product.phone('2001', { rtp: false });
      near.behaviour.answers = true;
      const far = await carrier.phone('2003', { rtp: false });
      const call = await far.invite('100');
      await call.answered();
      assert.equal(near.rung.length, 1);
      await near.rung[0]?.hangup();
      await call.ended();
      await far.unregister();
      await near.unregister();
    });

    it('takes its registration away with the trunk', async () => {
      const gone = new Promise<void>((done) => carrier.bindings.events.on('removed', () => done()));
      await product.directory.removeTrunk('carrier');
      await gone;
      assert.equal(carrier.bindings.size, 0);
    });
  });
