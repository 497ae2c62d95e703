import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import * as fc from 'fast-check';
import { ConfigurationError, configurationReference, parseConfig, readConfigFile } from './index.ts';
import { nearest } from './nearest.ts';

const parse = (value: unknown, environment: Record<string, string> = {}) =>
  parseConfig({ name: 'test.json', text: JSON.stringify(value), folder: '/etc/flipswitch' }, environment);

function problemsOf(value: unknown, environment: Record<string, string> = {}) {
  let caught: unknown;
  try {
    parse(value, environment);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof ConfigurationError, 'the configuration was taken');
  return caught.problems;
}

const user = (extension: string, ...devices: string[]) => ({
  extension,
  name: `User ${extension}`,
  devices: devices.map((d) => ({ extension: d, name: `Phone ${d}`, password: 'long and random' })),
});

describe('configuration', () => {
  it('has a default for everything', () => {
    const config = parse({});
    assert.equal(config.domain, 'flipswitch.internal');
    assert.equal(config.data, '/etc/flipswitch/data');
    assert.deepEqual(config.features.codes.pull, ['*33']);
    assert.deepEqual(config.features.push.callerHears, { ownDevice: 'conversation', others: 'ringback' });
    assert.equal(config.features.rescue.seconds, 30);
    assert.equal(config.shutdown.drainSeconds, 30);
    assert.deepEqual(config.media.ports, [30000, 39999]);
    assert.deepEqual(config.users, []);
  });

  it('takes the least that a lab writes', () => {
    const config = parse(
      {
        domain: 'pbx.test',
        data: './data',
        signaling: {
          engine: 'embedded',
          listen: ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060', 'ws:127.0.0.1:5066'],
        },
        media: { engine: 'embedded', address: '127.0.0.1', ports: [30000, 39999] },
        http: { listen: '127.0.0.1:8080', adminToken: '${FLIPSWITCH_ADMIN_TOKEN}' },
        users: [
          {
            extension: '100',
            name: 'Ada',
            pin: '4711',
            devices: [
              { extension: '1001', name: 'Desk phone', password: 'x' },
              { extension: '1002', name: 'Mobile app', password: 'y' },
            ],
          },
        ],
        groups: [{ extension: '500', name: 'Support', ring: 'all', members: ['100', '200'] }],
        trunks: [{ name: 'lab', host: '127.0.0.1:5090', register: false, numbers: { '+15550100': '100' } }],
      },
      { FLIPSWITCH_ADMIN_TOKEN: 'from the environment' },
    );
    assert.equal(config.http.adminToken, 'from the environment');
    assert.deepEqual(config.users[0]?.devices[1], {
      extension: '1002',
      name: 'Mobile app',
      password: 'y',
      kind: 'other',
      trusted: true,
    });
  });

  it('S0-67 makes every device trusted unless it says otherwise', () => {
    const [ada] = parse({ users: [user('100', '1001', '1002', '1003')] }).users;
    assert.deepEqual(
      ada?.devices.map((d) => d.trusted),
      [true, true, true],
    );
  });

  it('is frozen to its depth', () => {
    const config = parse({ users: [user('100', '1001')] });
    assert.throws(() => Object.assign(config.users[0]?.devices[0] ?? {}, { password: 'other' }), TypeError);
    assert.throws(() => Object.assign(config, { domain: 'other' }), TypeError);
  });

  it('does not change what it was made from', () => {
    const defaults = parse({});
    assert.deepEqual(parse({ ring: { seconds: 5 } }).ring, { seconds: 5, memberSeconds: 20 });
    assert.equal(parse({}).ring.seconds, defaults.ring.seconds);
  });

  it('refuses unknown keys with their path and a hint', () => {
    assert.deepEqual(problemsOf({ signalling: {} }), [
      { path: 'signalling', message: 'there is no such key; did you mean signaling?' },
    ]);
    assert.deepEqual(problemsOf({ users: [{ ...user('100'), devces: [] }] }), [
      { path: 'users[0].devces', message: 'there is no such key; did you mean devices?' },
    ]);
    assert.deepEqual(problemsOf({ http: { quux: 1 } }), [
      { path: 'http.quux', message: 'there is no such key' },
    ]);
  });

  it('names every problem at once', () => {
    const paths = problemsOf({ ring: { seconds: 'long' }, media: { ports: [1] }, colour: 'red' }).map(
      (p) => p.path,
    );
    assert.deepEqual([...paths].sort(), ['colour', 'media.ports', 'media.ports[0]', 'ring.seconds']);
  });

  it('says which environment variable is missing, and where', () => {
    assert.deepEqual(problemsOf({ http: { adminToken: '${NOT_SET}' } }), [
      { path: 'http.adminToken', message: 'the environment variable NOT_SET is not set' },
    ]);
  });

  it('replaces environment values inside a string and leaves escaped ones', () => {
    assert.equal(parse({ domain: '${TENANT}.test' }, { TENANT: 'a' }).domain, 'a.test');
    assert.equal(parse({ users: [{ extension: '1', name: '$${X}' }] }).users[0]?.name, '${X}');
  });

  for (const [what, value, path] of [
    [
      'a listening address without a protocol',
      { signaling: { listen: ['127.0.0.1:5060'] } },
      'signaling.listen[0]',
    ],
    ['a port that is none', { signaling: { listen: ['udp:127.0.0.1:70000'] } }, 'signaling.listen[0]'],
    ['tls without a certificate', { signaling: { listen: ['tls:127.0.0.1:5061'] } }, 'signaling.listen[0]'],
    [
      'drachtio without a secret',
      { signaling: { engine: 'drachtio', host: '127.0.0.1' } },
      'signaling.secret',
    ],
    ['rtpengine without a node', { media: { engine: 'rtpengine' } }, 'media.nodes'],
    [
      'a node that weighs nothing',
      { media: { engine: 'rtpengine', nodes: [{ address: '127.0.0.1:22222', weight: 0 }] } },
      'media.nodes[0].weight',
    ],
    [
      'a node at a port that is none',
      { media: { engine: 'rtpengine', nodes: ['127.0.0.1:22222', { address: '127.0.0.1:70000' }] } },
      'media.nodes[1].address',
    ],
    ['ports the wrong way round', { media: { ports: [40000, 30000] } }, 'media.ports'],
    ['an extension given twice', { users: [user('100', '1001'), user('1001')] }, 'users[1].extension'],
    [
      'a group in a group',
      { groups: [{ extension: '5', name: 'x', members: ['5'] }] },
      'groups[0].members[0]',
    ],
    ['one code for two features', { features: { codes: { pull: ['*9'] } } }, 'features.codes.push[0]'],
    ['expiries out of order', { registrar: { minExpires: 3600, maxExpires: 60 } }, 'registrar'],
  ] as const)
    it(`refuses ${what}`, () => assert.deepEqual([problemsOf(value)[0]?.path], [path]));

  it('takes rtpengine nodes as addresses, or with weight and drain', () => {
    const nodes = ['127.0.0.1:22222', { address: '[::1]:22222', weight: 2.5, drain: true }];
    const { media } = parse({ media: { engine: 'rtpengine', nodes, spool: 'spool' } });
    assert.deepEqual(media.nodes?.[0], nodes[0]);
    assert.deepEqual(media.nodes?.[1], nodes[1]);
    assert.match(media.spool ?? '', /^\/.*spool$/);
  });

  it('allows the two default codes to be swapped and switched off', () => {
    const codes = parse({ features: { codes: { pull: ['*9', '*11'], push: [], allDevices: ['*33'] } } })
      .features.codes;
    assert.deepEqual([codes.pull, codes.push, codes.allDevices], [['*9', '*11'], [], ['*33']]);
  });

  it('says where a file is no JSON, or cannot be read', () => {
    assert.throws(
      () => parseConfig({ name: 'x.json', text: '{ "domain": }', folder: '/' }, {}),
      /x\.json cannot be used:\n {2}it is not JSON: .*domain/s,
    );
    assert.throws(() => readConfigFile('/nowhere/x.json', {}), /it cannot be read: ENOENT/);
  });

  it('never throws anything but ConfigurationError', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parse(value);
        } catch (error) {
          assert.ok(error instanceof ConfigurationError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds the word that was meant', () => {
    assert.equal(nearest('lsiten', ['listen', 'limits']), 'listen');
    assert.equal(nearest('whatever', ['listen', 'limits']), undefined);
  });

  it('describes itself in docs/configuration.md', () => {
    const page = new URL('../../docs/configuration.md', import.meta.url);
    assert.equal(
      readFileSync(page, 'utf8'),
      configurationReference(),
      'run: npx node scripts/configuration-reference.ts',
    );
  });

  const examples = new URL('../../config/', import.meta.url);
  for (const file of readdirSync(examples).filter((f) => f.endsWith('.json') && f !== 'schema.json'))
    it(`takes the example config/${file}`, () => {
      const text = readFileSync(new URL(file, examples), 'utf8');
      const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(
        (m) => [m[1] ?? '', 'a-value-for-this-test'] as const,
      );
      readConfigFile(new URL(file, examples).pathname, Object.fromEntries(names));
    });
});
