import assert from 'node:assert/strict';
import { ApiWorld } from './fixture.test.ts';

describe('backup through the API', () => {
  let api: ApiWorld;
  beforeEach(async () => {
    api = await ApiWorld.start();
  });
  afterEach(() => api.close());

  it('is an administrator’s, and a server’s own affair where one keeps the data', async () => {
    assert.equal((await api.nobody.post('/api/v1/backup', {})).status, 401);
    const ada = await api.nobody.login('100');
    assert.equal((await ada.post('/api/v1/backup', {})).status, 403);
    const { status, body: problem } = await api.admin.post('/api/v1/backup', {});
    assert.equal(status, 409);
    assert.match(String(problem['title']), /pg_dump/);
  });
});
