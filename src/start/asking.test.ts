import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '../base/index.ts';
import { parseConfig } from '../config/index.ts';
import { MemoryDirectoryStore, MemoryRoutingStore } from '../stores/index.ts';
import { startAsking } from './asking.ts';
import { Opened } from './closing.ts';

const domain = 'pbx.test';

/** Waits for a fact. */
async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((done) => setTimeout(done, 5));
}

describe('what rules ask, as the configuration says', () => {
  it('S2-73 S2-84 a calendar in the data folder, a service at an allowed host, and nobody else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'asking-'));
    const service = createServer((_request, response) => response.end('{"result": "vip"}'));
    await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
    const host = `127.0.0.1:${(service.address() as AddressInfo).port}`;
    const opened = new Opened();
    try {
      mkdirSync(join(folder, 'calendars'));
      const time = (wall: number) => new Date(wall).toISOString().replaceAll(/[-:]|\.\d+/g, '');
      const now = systemClock.wall();
      writeFileSync(
        join(folder, 'calendars', 'ada.ics'),
        [
          'BEGIN:VCALENDAR',
          'BEGIN:VEVENT',
          'UID:1',
          `DTSTART:${time(now - 3_600_000)}`,
          `DTEND:${time(now + 3_600_000)}`,
          'SUMMARY:Board',
          'END:VEVENT',
          'END:VCALENDAR',
          '',
        ].join('\r\n'),
      );
      const directory = new MemoryDirectoryStore();
      await directory.putDomain({ name: domain, aliases: [] });
      const routing = new MemoryRoutingStore(directory);
      await routing.putCalendar({ domain, name: 'ada', url: 'file:ada.ics', refreshSeconds: 900 });
      const text = JSON.stringify({ routing: { hosts: [host] } });
      const settings = parseConfig({ name: 'test', text, folder }, {});
      const { calendars, lookUps } = startAsking(
        { settings, folder },
        { directory, routing },
        opened,
        silentLogger,
      );
      const said = () => calendars.at(domain, 'ada', now);
      await until(() => said() !== undefined);
      assert.deepEqual([...(said() ?? [])], ['busy']);
      assert.equal(calendars.allows(`http://${host}/x.ics`), true);
      assert.equal(calendars.allows('http://127.0.0.1:1/x.ics'), false);
      const question = { caller: '+49301', called: '100', at: new Date(now).toISOString() };
      const condition = { kind: 'look-up', timeoutMs: 5000, is: ['vip'], fallback: false } as const;
      assert.equal(await lookUps.ask({ ...condition, url: `http://${host}/` }, question), 'vip');
      assert.equal(await lookUps.ask({ ...condition, url: 'http://127.0.0.1:1/' }, question), undefined);
    } finally {
      await opened.close(silentLogger);
      service.closeAllConnections();
      service.close();
      rmSync(folder, { recursive: true });
    }
  }).timeout(30_000);
});
