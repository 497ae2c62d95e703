import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { readCalendar, TimeZones, type CalendarContents } from '../switch/routing/index.ts';
import type { CalendarQuestion, CalendarWorkerData } from './calendars.ts';
import { allowedBy, ask, type WebAnswer } from './web.ts';

/** The entry of the thread that reads calendars: they may be long, and calls must not wait for them. */
const port = parentPort!;
const { hosts, folder } = workerData as CalendarWorkerData;
const allows = allowedBy(hosts);
const zones = new TimeZones();
const maxBytes = 4 * 1024 * 1024;

async function file(url: string): Promise<WebAnswer> {
  try {
    const path = await realpath(join(folder, basename(url.slice('file:'.length))));
    // A link may not lead out of the folder.
    if (!path.startsWith(`${await realpath(folder)}/`)) return { ok: false, why: 'it is not in the folder' };
    const { size } = await stat(path);
    if (size > maxBytes) return { ok: false, why: `it is longer than ${maxBytes} bytes` };
    return { ok: true, text: await readFile(path, 'utf8') };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}

async function contents({ url, window }: CalendarQuestion): Promise<CalendarContents> {
  const request = {
    url,
    method: 'GET',
    accept: 'text/calendar',
    timeoutMs: 20_000,
    maxBytes,
    redirects: 3,
  } as const;
  const got = url.startsWith('file:') ? await file(url) : await ask(request, allows);
  return got.ok ? readCalendar(got.text, window, zones) : got;
}

port.on('message', (question: CalendarQuestion) => {
  void contents(question).then((answer) => port.postMessage({ id: question.id, answer }));
});
