import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../base/index.ts';
import { CalendarReader } from './calendars.ts';
import { httpLookUps } from './look-ups.ts';
import { allowedBy } from './web.ts';

const question = { caller: '+49301', called: '100', at: '2026-03-03T12:00:00.000Z' };
const condition = (url: string, timeoutMs = 5000) =>
  ({ kind: 'look-up', url, timeoutMs, is: ['vip'], fallback: false }) as const;

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server on a free port that answers as a test says. */
async function serve(): Promise<{
  base: string;
  host: string;
  on: (handler: Handler) => void;
  close: () => void;
}> {
  let handler: Handler = (_request, response) => response.end();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base: `http://${host}`,
    host,
    on: (next) => (handler = next),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('what rules ask over the network', () => {
  let server: Awaited<ReturnType<typeof serve>>;
  beforeEach(async () => {
    server = await serve();
  });
  afterEach(() => server.close());

  describe('look-ups', () => {
    const look = (path = '/', timeoutMs?: number) =>
      httpLookUps([server.host], silentLogger).ask(condition(`${server.base}${path}`, timeoutMs), question);

    it('S2-84 tell the service who calls whom, and take its result', async () => {
      let seen = '';
      server.on((request, response, body) => {
        seen = `${request.method} ${request.headers['content-type']} ${body}`;
        response.setHeader('content-type', 'application/json').end('{"result": "vip", "name": "Ada"}');
      });
      assert.equal(await look(), 'vip');
      assert.equal(seen, `POST application/json ${JSON.stringify(question)}`);
      server.on((_request, response) => response.end('{"result": true}'));
      assert.equal(await look(), 'true');
    });

    it('without a proper answer have none', async () => {
      for (const text of ['', 'vip', '{}', '{"result": {}}', 'null', '['])
        await new Promise<void>((done, failed) => {
          server.on((_request, response) => response.end(text));
          look().then((result) => {
            assert.equal(result, undefined, text);
            done();
          }, failed);
        });
      server.on((_request, response) => response.writeHead(500).end('{"result": "vip"}'));
      assert.equal(await look(), undefined);
    });

    it('are given up when their time is over, at whatever point', async () => {
      server.on(() => undefined);
      assert.equal(await look('/', 100), undefined);
      server.on((_request, response) => void response.writeHead(200).write('{"result": '));
      assert.equal(await look('/', 100), undefined);
    });

    it('take no answer without end, and follow nobody elsewhere', async () => {
      server.on((_request, response) => response.end(`{"result": "vip", "more": "${'x'.repeat(70_000)}"}`));
      assert.equal(await look(), undefined);
      const asked: string[] = [];
      server.on((request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(307, { location: '/elsewhere' }).end();
      });
      assert.equal(await look('/first'), undefined);
      assert.deepEqual(asked, ['/first']);
    });

    it('go to no host that the configuration does not name', async () => {
      let asked = 0;
      server.on((_request, response) => {
        asked++;
        response.end('{"result": "vip"}');
      });
      for (const hosts of [[], ['127.0.0.1'], ['127.0.0.1:1'], ['crm.test']]) {
        const lookUps = httpLookUps(hosts, silentLogger);
        assert.equal(lookUps.allows(server.base), false);
        assert.equal(await lookUps.ask(condition(server.base), question), undefined);
      }
      assert.equal(asked, 0);
    });

    it('ask a server that is not there in vain', async () => {
      server.close();
      assert.equal(await look(), undefined);
    });
  });

  it('an allowed host is one with its port, whatever the address is dressed as', () => {
    const allows = allowedBy(['crm.test', '10.0.0.5:8080', '[::1]:8080']);
    for (const url of [
      'https://crm.test/a',
      'http://CRM.test/',
      'http://crm.test:80/',
      'http://10.0.0.5:8080/',
      'http://[::1]:8080/',
    ])
      assert.equal(allows(url), true, url);
    for (const url of [
      'http://crm.test:8080/',
      'http://10.0.0.5/',
      'http://crm.test@10.0.0.9/',
      'http://user:pass@crm.test/',
      'http://crm.test.evil.test/',
      'ftp://crm.test/',
      'file:///etc/passwd',
      'http://169.254.169.254/latest',
      'nonsense',
    ])
      assert.equal(allows(url), false, url);
  });

  describe('calendars', () => {
    let folder: string;
    let reader: CalendarReader;
    const window = { from: Date.parse('2026-03-01T00:00:00Z'), until: Date.parse('2026-04-01T00:00:00Z') };
    const ics = [
      'BEGIN:VCALENDAR',
      'BEGIN:VEVENT',
      'UID:1',
      'DTSTART:20260303T090000Z',
      'DTEND:20260303T100000Z',
      'END:VEVENT',
      'END:VCALENDAR',
      '',
    ].join('\r\n');
    const span = {
      from: Date.parse('2026-03-03T09:00:00Z'),
      until: Date.parse('2026-03-03T10:00:00Z'),
      is: 'busy',
    };
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'calendars-'));
      reader = new CalendarReader({ hosts: [server.host], folder });
    });
    afterEach(async () => {
      await reader.close();
      rmSync(folder, { recursive: true });
    });

    it('S2-73 are read from an address, along its redirects, on a thread of their own', async () => {
      server.on((request, response) => {
        if (request.url === '/old') response.writeHead(302, { location: '/new.ics' }).end();
        else response.setHeader('content-type', 'text/calendar').end(ics);
      });
      assert.deepEqual(await reader.read({ url: `${server.base}/old` }, window), { ok: true, spans: [span] });
      server.on((_request, response) => response.writeHead(302, { location: 'http://127.0.0.2:1/' }).end());
      const elsewhere = await reader.read({ url: server.base }, window);
      assert.match(elsewhere.ok ? '' : elsewhere.why, /does not allow/);
      server.on((_request, response) => response.writeHead(404).end());
      const gone = await reader.read({ url: server.base }, window);
      assert.match(gone.ok ? '' : gone.why, /answered 404/);
    }).timeout(30_000);

    it('are read from files of their folder, and from no others', async () => {
      writeFileSync(join(folder, 'ada.ics'), ics);
      symlinkSync('/etc/hostname', join(folder, 'link.ics'));
      assert.deepEqual(await reader.read({ url: 'file:ada.ics' }, window), { ok: true, spans: [span] });
      for (const url of ['file:gone.ics', 'file:link.ics', 'file:..'])
        assert.equal((await reader.read({ url }, window)).ok, false, url);
      for (const url of [
        'file:../secret',
        'file:///etc/hostname',
        'file:a/b',
        'file:.hidden',
        'https://other.test/',
      ])
        assert.equal(reader.allows(url), false, url);
      assert.equal(reader.allows('file:ada.ics'), true);
      assert.equal(reader.allows(`${server.base}/x.ics`), true);
    }).timeout(30_000);
  });
});
