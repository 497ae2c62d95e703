import assert from 'node:assert/strict';
import { domain } from '../switch/testing/world.ts';
import type { Client } from '../testing/http-client.ts';
import { ApiWorld } from './fixture.test.ts';

const rules = '/api/v1/users/100/rules';
const noAnswer = { kind: 'result', is: ['no-answer'], afterSeconds: 15 };
const to = (target: string) => ({ kind: 'forward', to: target });
const rule = (name: string, target = '200', more: object = {}) => ({ name, then: to(target), ...more });

describe('rules by the API', () => {
  let api: ApiWorld;
  let admin: Client;
  let ada: Client;
  beforeEach(async () => {
    api = await ApiWorld.start();
    ({ admin } = api);
    ada = await api.nobody.login('100');
  });
  afterEach(() => api.close());

  const names = async (who: Client = ada) => (await who.get(rules)).body.items.map((one) => one['name']);
  const add = async (who: Client, said: object, path = rules) => {
    const { status, body } = await who.post(path, said);
    assert.equal(status, 201, JSON.stringify(body));
    return body['id'] as string;
  };

  it('S2-48 S2-69 a user makes, sees, changes, orders and removes the own rules', async () => {
    assert.deepEqual(await names(), []);
    const first = await add(ada, rule('first', '200', { when: [noAnswer] }));
    const { status, body, headers } = await ada.get(`${rules}/${first}`);
    assert.equal(status, 200);
    assert.ok(headers.get('etag'));
    assert.deepEqual(
      [body['when'], body['then'], body['enabled'], body['changedBy']],
      [[noAnswer], to('200'), true, '100'],
    );
    const second = await add(ada, rule('second'));
    await add(ada, rule('zeroth', '200', { position: 0 }));
    assert.deepEqual(await names(), ['zeroth', 'first', 'second']);
    assert.equal((await ada.put(`${rules}/order`, { ids: [second] })).status, 200);
    assert.deepEqual(await names(), ['second', 'zeroth', 'first']);
    const off = await ada.put(`${rules}/${first}`, rule('first', '200', { enabled: false }));
    assert.deepEqual([off.status, off.body['enabled'], off.body['when']], [200, false, []]);
    assert.equal((await ada.delete(`${rules}/${second}`)).status, 204);
    assert.deepEqual(await names(), ['zeroth', 'first']);
    for (const method of ['GET', 'PUT', 'DELETE'])
      assert.equal(
        (await ada.ask(method, `${rules}/${second}`, method === 'PUT' ? { body: rule('x') } : {})).status,
        404,
      );
  });

  it('the whole list is replaced at once; what stays the same keeps who changed it', async () => {
    const id = await add(admin, rule('kept'));
    const { items } = (await ada.get(rules)).body;
    const put = await ada.put(rules, { items: [rule('new'), items[0]] });
    assert.equal(put.status, 200, put.text);
    assert.deepEqual(
      put.body.items.map((one) => [one['name'], one['changedBy']]),
      [
        ['new', '100'],
        ['kept', 'administrator'],
      ],
    );
    assert.equal(put.body.items[1]?.['id'], id);
    assert.equal((await ada.put(rules, { items: [items[0], items[0]] })).status, 422);
    assert.equal((await ada.put(rules, { items: [] })).status, 200);
    assert.deepEqual(await names(), []);
  });

  it('S2-48 a locked rule is an administrator’s: seen by its user, and neither changed nor removed', async () => {
    const id = await add(admin, rule('theirs', '200', { locked: true }));
    await add(ada, rule('own'));
    assert.equal((await ada.post(rules, rule('x', '200', { locked: true }))).status, 403);
    assert.equal((await ada.put(`${rules}/${id}`, rule('x'))).status, 403);
    assert.equal((await ada.delete(`${rules}/${id}`)).status, 403);
    assert.equal((await ada.put(rules, { items: [] })).status, 200);
    assert.deepEqual(await names(), ['theirs']);
    const { items } = (await ada.get(rules)).body;
    const changed = { ...items[0], then: to('100') };
    assert.equal((await ada.put(rules, { items: [rule('own'), changed] })).status, 200);
    const after = (await ada.get(rules)).body.items;
    assert.deepEqual(after[0], items[0]);
    assert.equal((await admin.put(`${rules}/${id}`, rule('free'))).status, 200);
    assert.equal((await ada.delete(`${rules}/${id}`)).status, 204);
  });

  it('rules of others, of groups and of numbers are not there for a user', async () => {
    await api.world.directory.putGroup({
      id: 'g500',
      domain,
      extension: '500',
      name: 'Support',
      ring: 'all',
      members: ['100'],
    });
    await api.world.directory.putNumber({ domain, number: '+15550100', target: '500' });
    for (const path of ['users/200', 'groups/500', 'numbers/%2B15550100', 'users/999', 'groups/999']) {
      const at = `/api/v1/${path}/rules`;
      assert.equal((await ada.get(at)).status, 404, path);
      assert.equal((await ada.post(at, rule('x'))).status, 404, path);
    }
    for (const path of ['groups/500', 'numbers/%2B15550100'])
      await add(admin, rule('x'), `/api/v1/${path}/rules`);
    assert.equal((await admin.get('/api/v1/numbers/+15550100/rules')).body.items.length, 1);
    assert.equal((await admin.get('/api/v1/groups/999/rules')).status, 404);
  });

  it('If-Match: who has seen older rules is told (412)', async () => {
    const tag = (await ada.get(rules)).headers.get('etag') ?? '';
    await add(ada, rule('first'));
    const late = await ada.put(rules, { items: [] }, { headers: { 'if-match': tag } });
    assert.equal(late.status, 412);
    const id = await add(ada, rule('second'));
    const one = (await ada.get(`${rules}/${id}`)).headers.get('etag') ?? '';
    const headers = { 'if-match': one };
    assert.equal((await ada.put(`${rules}/${id}`, rule('changed'), { headers })).status, 200);
    assert.equal((await ada.delete(`${rules}/${id}`, { headers })).status, 412);
  });

  it('changes that come together are all kept', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, (_, i) => add(ada, rule(`rule ${i}`))));
    assert.equal(new Set(made).size, 8);
    assert.equal((await names()).length, 8);
  });

  it('S2-52 every change is written down with old and new', async () => {
    const id = await add(ada, rule('first'));
    await ada.delete(`${rules}/${id}`);
    const { items } = (await admin.get('/api/v1/audit?what=users/100/rules')).body;
    assert.deepEqual(
      items.map((entry) => [entry['who'], (entry['before'] as []).length, (entry['after'] as []).length]),
      [
        ['user 100', 1, 0],
        ['user 100', 0, 1],
      ],
    );
    const second = await add(ada, rule('second'));
    const third = await add(ada, rule('third'));
    await ada.put(`${rules}/order`, { ids: [third] });
    await ada.put(`${rules}/${second}`, rule('changed'));
    const [changed, moved] = (await admin.get('/api/v1/audit?what=users/100/rules')).body.items;
    assert.deepEqual(
      [moved?.['before'], moved?.['after']],
      [{ order: [second, third] }, { order: [third, second] }],
    );
    const names = (list: unknown) => (list as { name: string }[]).map((one) => one.name);
    assert.deepEqual([names(changed?.['before']), names(changed?.['after'])], [['second'], ['changed']]);
    await ada.put(rules, { items: [] });
    const { length } = (await admin.get('/api/v1/audit?what=users/100/rules')).body.items;
    // What changes nothing is none.
    await ada.put(rules, { items: [] });
    assert.equal((await admin.get('/api/v1/audit?what=users/100/rules')).body.items.length, length);
  });

  it('S2-61 what the policy forbids is refused with the reason (422)', async () => {
    const refused = await ada.post(rules, rule('abroad', '+442079460018'));
    assert.equal(refused.status, 422);
    assert.match(String(refused.body['title']), /Rule "abroad": the policy names no country/);
    await api.world.directory.putNumber({ domain, number: '+15550100', target: '100' });
    const abroad = await ada.post(rules, rule('abroad', '+442079460018'));
    assert.match(String(abroad.body['title']), /calls abroad \(GB\) are blocked/);
    assert.equal((await ada.post(rules, rule('home', '+12025550123'))).status, 201);
    const nobody = await ada.post(rules, rule('nobody', '999'));
    assert.match(String(nobody.body['title']), /999 is neither an extension here nor a telephone number/);
  });

  it('what a rule refers to must be there (422)', async () => {
    for (const [when, words] of [
      [{ kind: 'time', schedule: 'office', open: true }, /no schedule office/],
      [{ kind: 'caller', lists: ['vip'] }, /no caller list vip/],
      [{ kind: 'calendar', calendar: 'ada', is: 'busy' }, /no calendar ada/],
      [{ kind: 'not', condition: { kind: 'time', schedule: 'office', open: true } }, /no schedule office/],
      [
        { kind: 'look-up', url: 'http://169.254.169.254/', timeoutMs: 100, is: ['x'], fallback: false },
        /does not allow look-ups/,
      ],
    ] as const) {
      const { status, body } = await ada.post(rules, rule('x', '200', { when: [when] }));
      assert.equal(status, 422);
      assert.match(String(body['title']), words);
    }
    const trunk = { name: 'x', then: { ...to('200'), trunk: 'none' } };
    assert.match(String((await ada.post(rules, trunk)).body['title']), /no trunk none/);
  });

  it('what is not understood is refused with what and where (400)', async () => {
    for (const [said, path] of [
      [{ name: 'x' }, ''],
      [{ name: 'x', then: { kind: 'dance' } }, '/then'],
      [{ name: 'x', then: { kind: 'forward', to: '*50' } }, '/then/to'],
      [{ name: 'x', then: { kind: 'busy', to: '200' } }, '/then'],
      [rule('x', '200', { when: [{ kind: 'result', is: ['bored'] }] }), '/when/0/is/0'],
      [rule('x', '200', { when: [{ kind: 'result' }] }), '/when/0'],
      [rule('x', '200', { when: Array.from({ length: 21 }, () => noAnswer) }), '/when'],
    ] as const) {
      const { status, body } = await ada.post(rules, said);
      assert.equal(status, 400, JSON.stringify(said));
      assert.equal((body['errors'] as { path: string }[])[0]?.path, path, JSON.stringify(body));
    }
  });

  describe('explain', () => {
    const explain = async (said: object, who: Client = ada) => {
      const { status, body, text } = await who.post('/api/v1/routes/explain', said);
      assert.equal(status, 200, text);
      return body['steps'] as {
        owner: string;
        does: string;
        rings?: { to: string }[];
        result?: string;
        rule?: { name: string };
        seconds?: number;
        looked: { why: string }[];
      }[];
    };

    it('S2-71 tells who would ring, for how long, and why', async () => {
      await add(ada, rule('backup', '200', { when: [noAnswer] }));
      const steps = await explain({ from: '200', to: '100' }, admin);
      assert.deepEqual(
        steps.map(({ owner, does, rings, result, seconds }) => [
          owner,
          does,
          rings?.map((one) => one.to).join(' '),
          result,
          seconds,
        ]),
        [
          ['100', 'ring', '1001 1002 1003', 'no-answer', 15],
          ['100', 'forward', undefined, undefined, 60],
          ['200', 'ring', '2001 2002 2003', 'no-answer', 60],
          ['100', 'end', undefined, 'no-answer', undefined],
        ],
      );
      assert.match(steps[0]?.looked[0]?.why ?? '', /100 rings for at most 15 s, as rule "backup" asks/);
      assert.equal(steps[1]?.rule?.name, 'backup');
    });

    it('takes what each ringing is supposed to come to', async () => {
      await add(ada, rule('backup', '200', { when: [{ kind: 'result', is: ['busy'] }] }));
      const busy = await explain({ to: '100', results: ['busy', 'answered'] }, admin);
      assert.deepEqual(
        busy.map(({ result }) => result),
        ['busy', undefined, 'answered'],
      );
      const answered = await explain({ to: '100', results: ['answered'] }, admin);
      assert.deepEqual(
        answered.map(({ does, result }) => [does, result]),
        [['ring', 'answered']],
      );
    });

    it('S2-65 comes back to nobody: 100 to 200 to 100', async () => {
      await add(ada, rule('there'));
      await add(admin, rule('back', '100'), '/api/v1/users/200/rules');
      const steps = await explain({ to: '100' }, admin);
      assert.deepEqual(
        steps.map(({ owner, does, result }) => [owner, does, result]),
        [
          ['100', 'forward', undefined],
          ['200', 'nothing', undefined],
          ['200', 'ring', 'no-answer'],
          ['100', 'end', 'no-answer'],
        ],
      );
    });

    it('who does not want to be disturbed is left out', async () => {
      await admin.put('/api/v1/users/200/profile', { profile: 'do-not-disturb' });
      const ring = {
        kind: 'ring',
        targets: [{ to: '200', afterSeconds: 5 }],
        order: 'together',
        seconds: 20,
      };
      await add(ada, { name: 'both', then: ring });
      const [step] = await explain({ to: '100' }, admin);
      assert.deepEqual([step?.does, step?.seconds, step?.result], ['ring', 20, 'not-reachable']);
      assert.deepEqual(step?.rings?.[0], {
        to: '2001',
        user: '200',
        registered: true,
        silent: true,
        afterSeconds: 5,
      });
      const [own] = await explain({ to: '200' }, admin);
      assert.deepEqual([own?.does, own?.result], ['end', 'busy']);
      assert.match(own?.looked[0]?.why ?? '', /200 does not want to be disturbed/);
    });

    it('a user asks about the own calls, and is not told the rules of others', async () => {
      await add(ada, rule('there'));
      await add(admin, rule('secret', '100'), '/api/v1/users/200/rules');
      const { status, text } = await ada.post('/api/v1/routes/explain', { to: '200' });
      assert.equal(status, 404);
      assert.doesNotMatch(text, /secret/);
      const steps = await explain({ to: '100', results: ['busy'] });
      assert.doesNotMatch(JSON.stringify(steps), /secret|2001/);
      assert.deepEqual(
        steps.map(({ does, result }) => [does, result]),
        [
          ['forward', 'busy'],
          ['end', 'busy'],
        ],
      );
    });

    it('an outside number, and one that leads nowhere', async () => {
      await api.world.directory.putNumber({ domain, number: '+15550100', target: '100' });
      await add(ada, rule('mobile', '+12025550123'));
      const [step] = await explain({ to: '+15550100' }, admin);
      assert.deepEqual([step?.owner, step?.does], ['+15550100', 'forward']);
      const [direct] = await explain({ to: '100' }, admin);
      assert.deepEqual(direct?.rings, [{ to: '+12025550123', confirm: true }]);
      const [end] = await explain({ to: '999' }, admin);
      assert.equal(end?.does, 'end');
    });
  });
});
