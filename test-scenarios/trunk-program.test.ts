import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { freePort } from '../src/testing/free-port.ts';
import { needSipp, Sipp } from '../src/testing/sipp.ts';
import { Program, until, user } from './program.ts';

const scenario = (name: string) => resolve(import.meta.dirname, `sipp/${name}.xml`);

describe('trunks of the configuration file', function () {
  this.timeout(120_000);
  const open: Sipp[] = [];
  let program: Program;
  before(function () {
    needSipp(this);
  });
  after(async () => {
    await program?.close();
    await Promise.all(open.map((sipp) => sipp.close()));
  });

  it('S2-04 registers by name, takes calls, says how it stands, and leaves the carrier when it is stopped', async () => {
    const target = { address: '127.0.0.1', port: 9 };
    const registrar = await Sipp.start({ scenario: scenario('carrier-registrar'), target, timeout: 110 });
    open.push(registrar);
    const gateway = await freePort();
    const [number, lab] = ['+15550100', 'lab'];
    program = await Program.create({
      users: [user('100', '1001')],
      trunks: [
        {
          name: lab,
          host: `localhost:${registrar.port}`,
          register: true,
          username: 'account',
          password: 'secret of the trunk',
        },
        { name: 'in', host: `127.0.0.1:${gateway}`, numbers: { [number]: '100' } },
      ],
    });
    await program.start();
    const stands = async () => (await program.admin.get(`/api/v1/trunks/${lab}`)).body['registration'];
    await until('registered', async () => ((await stands()) as { state: string }).state === 'registered');
    const { text } = await program.admin.get('/metrics');
    assert.match(text, /flipswitch_trunk_registered\{domain="pbx.test",trunk="lab"\} 1/);

    const ada = await program.phone('1001');
    ada.behaviour.answers = true;
    await Sipp.run({
      scenario: scenario('carrier-call'),
      target: { address: '127.0.0.1', port: program.port },
      port: gateway,
      service: number,
      duration: 50,
    });
    const records = () => program.admin.get('/api/v1/records');
    await until('the record', async () => (await records()).body.items.length === 1);
    const [record] = (await records()).body.items;
    assert.deepEqual([record?.['from'], record?.['user']], ['+12125550123', '100']);
    assert.match(JSON.stringify(record?.['legs']), /"trunk":"in"/);
    assert.doesNotMatch(program.log, /secret of the trunk/);

    await program.stop();
    await registrar.succeeded();
  });
});
