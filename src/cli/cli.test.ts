import assert from 'node:assert/strict';
import { mainAddress, phoneSettings, readArguments } from './index.ts';

const ipv4 = (address: string, internal = false) =>
  ({ address, internal, family: 'IPv4', netmask: '', mac: '', cidr: null }) as const;

describe('command line', () => {
  it('runs, with a configuration or without', () => {
    assert.deepEqual(readArguments([]), { kind: 'run' });
    assert.deepEqual(readArguments(['--config', 'x.json']), { kind: 'run', config: 'x.json' });
    assert.deepEqual(readArguments(['--config=x.json']), { kind: 'run', config: 'x.json' });
  });

  it('helps and says its version', () => {
    assert.equal(readArguments(['--help']).kind, 'help');
    assert.equal(readArguments(['--version']).kind, 'version');
  });

  it('refuses what it does not know', () => {
    for (const argv of [['--confg', 'x'], ['--config'], ['x.json']])
      assert.equal(readArguments(argv).kind, 'wrong', argv.join(' '));
  });
});

describe('main address', () => {
  it('is the one that phones can reach', () => {
    const interfaces = {
      lo: [ipv4('127.0.0.1', true)],
      docker0: [ipv4('172.17.0.1')],
      eth0: [ipv4('169.254.3.4'), ipv4('192.168.1.5')],
    };
    assert.equal(mainAddress(interfaces), '192.168.1.5');
    assert.equal(mainAddress({ docker0: [ipv4('172.17.0.1')] }), '172.17.0.1');
    assert.equal(mainAddress({ lo: [ipv4('127.0.0.1', true)] }), '127.0.0.1');
  });
});

describe('phone settings', () => {
  it('say address, user and password of every phone', () => {
    const users = [
      {
        extension: '100',
        name: 'Ada',
        devices: [{ extension: '1001', name: 'Desk phone', password: 'abcd-efgh-ijkm' }],
      },
      { extension: '200', name: 'Ben', devices: [{ extension: '2001', name: 'App', password: 'x' }] },
    ];
    const listeners = [
      { protocol: 'udp', address: '192.0.2.1', port: 5060 },
      { protocol: 'tcp', address: '192.0.2.1', port: 5060 },
      { protocol: 'ws', address: '::1', port: 5066 },
    ];
    const text = phoneSettings(users, listeners, '/data/demo-users.json');
    for (const line of [
      '  server  192.0.2.1:5060 (UDP, TCP)',
      '          ws://[::1]:5066 (browser)',
      '  Ada, extension 100',
      '    Desk phone   user 1001   password abcd-efgh-ijkm',
      '    App          user 2001   password x',
      "Dial 200 from one of Ada's phones: all of Ben's ring.",
    ])
      assert.ok(text.split('\n').includes(line), `${line} is not in:\n${text}`);
  });
});
