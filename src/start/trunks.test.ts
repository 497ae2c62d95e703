import assert from 'node:assert/strict';
import { resolveNames, type NameServer } from './trunks.ts';

const nothing = Object.assign(new Error('no such'), { code: 'ENOTFOUND' });
const silent = Object.assign(new Error('no answer'), { code: 'ETIMEOUT' });
const names = (
  srv: Readonly<Record<string, readonly string[]>>,
  addresses: Readonly<Record<string, readonly string[]>>,
  otherwise = nothing,
): NameServer => ({
  resolveSrv: async (name) => {
    const found = srv[name];
    if (found === undefined) throw otherwise;
    return found.map((target) => ({ name: target, port: 5060, priority: 1, weight: 1 }));
  },
  addresses: async (name) => {
    const found = addresses[name];
    if (found !== undefined) return found;
    if (otherwise === silent) throw otherwise;
    return [];
  },
});

describe('where a carrier’s name leads (RFC 3263 §4.2)', () => {
  it('its own addresses, and those of the servers that it names', async () => {
    const resolve = resolveNames(
      names(
        { '_sip._udp.carrier.example': ['a.carrier.example', 'b.carrier.example'] },
        {
          'carrier.example': ['192.0.2.1'],
          'a.carrier.example': ['192.0.2.2', '2001:db8::2'],
          'b.carrier.example': ['192.0.2.2'],
        },
      ),
    );
    assert.deepEqual(await resolve('carrier.example'), ['192.0.2.1', '192.0.2.2', '2001:db8::2']);
  });

  it('a name that is nobody’s is nobody’s', async () => {
    assert.deepEqual(await resolveNames(names({}, {}))('nobody.example'), []);
  });

  it('rejects while name servers are silent, unless something was found', async () => {
    await assert.rejects(resolveNames(names({}, {}, silent))('carrier.example'));
    const some = resolveNames(names({}, { 'carrier.example': ['192.0.2.1'] }, silent));
    assert.deepEqual(await some('carrier.example'), ['192.0.2.1']);
  });
});
