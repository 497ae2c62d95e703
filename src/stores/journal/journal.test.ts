import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Logger } from '../../base/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { Journal, type Appended, type JournalOptions } from './journal.ts';
import { printLine, readLines, type Line } from './line.ts';
import { readJournal } from './read.ts';

type Said = { readonly level: string; readonly message: string };

describe('journal', () => {
  let folder: string;
  let clock: VirtualClock;
  let said: Said[];
  const opened: Journal<unknown>[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-journal-'));
    clock = new VirtualClock();
    said = [];
  });
  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.close();
    assert.equal(clock.pending, 0, 'no timer is left behind');
    rmSync(folder, { recursive: true });
  });

  const say = (level: string) => (_fields: object, message: string) => said.push({ level, message });
  const log = {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => log,
  } as unknown as Logger;
  const loud = () => said.filter(({ level }) => level === 'error').map(({ message }) => message);

  /** As a new process would, with the one before still having the files open: it was killed, and wrote nothing more. */
  const start = (more: Partial<JournalOptions> = {}): Journal<unknown> => {
    const journal = new Journal<unknown>({ folder, name: 'things', clock, log, ...more });
    opened.push(journal);
    return journal;
  };
  const knownTo = (journal: Journal<unknown>) => Object.fromEntries(journal.known);
  const files = () => readdirSync(folder).toSorted();
  const path = (file: string | undefined) => join(folder, file ?? assert.fail('no such file'));
  const until = async (what: string, look: () => boolean) => {
    for (const end = performance.now() + 10_000; !look();) {
      assert.ok(performance.now() < end, `never came true: ${what}`);
      await new Promise((done) => setImmediate(done));
    }
  };
  /** The copy of what was known is done, and the older files are gone. */
  const settled = () =>
    until('one whole file', () => {
      const [file, ...others] = files().filter((name) => name.endsWith('.journal'));
      return (
        file !== undefined && others.length === 0 && readFileSync(path(file), 'utf8').includes('"whole"')
      );
    });

  it('says after the end of the process what was said before it', async () => {
    const first = start();
    first.put('a', 1);
    first.put('b', { deep: ['ü', '\n'] });
    first.put('c', 3);
    first.put('a', 4);
    first.remove('c');
    first.remove('never there');
    await first.written();
    assert.deepEqual(knownTo(start()), { a: 4, b: { deep: ['ü', '\n'] } });
    assert.deepEqual(loud(), []);
  });

  it('is with the operating system when `written` says so, whatever else is being written', async () => {
    const journal = start();
    const acknowledged: string[] = [];
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        await new Promise((done) => setImmediate(done));
        journal.put(`k${i}`, i);
        await journal.written();
        const text = files()
          .map((file) => readFileSync(path(file), 'utf8'))
          .join('');
        if (text.includes(`"k${i}"`)) acknowledged.push(`k${i}`);
      }),
    );
    assert.equal(acknowledged.length, 500);
  });

  it('writes together what is said within the time for that, and at once what somebody waits for', async () => {
    const writes: string[] = [];
    const create = async (file: string): Promise<Appended> => {
      const handle = await open(file, 'ax');
      return {
        appendFile: async (text) => {
          writes.push(text as string);
          await handle.appendFile(text);
        },
        datasync: () => handle.datasync(),
        stat: () => handle.stat(),
        close: () => handle.close(),
      };
    };
    const journal = start({ gatherMs: 20, create });
    journal.put('first', 0);
    await journal.written();
    writes.length = 0;
    for (let i = 0; i < 5; i++) {
      journal.put(`later ${i}`, i);
      await new Promise((done) => setImmediate(done));
    }
    assert.equal(writes.join(''), '', 'gathered');
    clock.advance(20);
    await until('written together', () => writes.length === 1);
    assert.equal(writes.join('').trim().split('\n').length, 5);
    journal.put('now', 1);
    await journal.written();
    assert.equal(writes.length, 2);
    journal.put('last', 1);
    await journal.close();
    assert.equal(knownTo(start())['last'], 1);
  });

  it('a write that was cut off costs what was being written, and is nothing to worry about', async () => {
    const first = start();
    for (const key of ['a', 'b']) first.put(key, key);
    await first.written();
    await settled();
    const [file] = files();
    truncateSync(path(file), statSync(path(file)).size - 5);
    const left = knownTo(start());
    assert.equal(left['a'], 'a');
    assert.deepEqual(loud(), []);
  });

  it('whatever its end was cut to, what is left is a beginning of what was said', () => {
    const lines: Line[] = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: 'ö'.repeat(i) }));
    const bytes = Buffer.from(lines.map(printLine).join(''));
    fc.assert(
      fc.property(fc.nat(bytes.length), (cut) => {
        const read = readLines(bytes.subarray(0, cut));
        assert.deepEqual(read.lines, lines.slice(0, read.lines.length));
        assert.equal(read.damaged, 0);
      }),
    );
  });

  it('never throws at bytes, and never takes damaged ones for true', () => {
    const lines: Line[] = Array.from({ length: 8 }, (_, i) => ({ key: `k${i}`, value: i }));
    const good = Buffer.from(lines.map(printLine).join(''));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        const keys = readLines(bytes).lines.map((line) => JSON.stringify(line));
        // A line feed in the middle, or one less, spoils two lines at most.
        assert.ok(keys.length >= lines.length - 2);
        assert.ok(keys.every((key) => lines.some((line) => JSON.stringify(line) === key)));
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readLines(Buffer.from(bytes))));
  });

  it('keeps what can be read of a damaged file, sets it aside under another name and says so loudly', async () => {
    const first = start();
    for (const key of ['a', 'b', 'c']) first.put(key, key);
    await first.written();
    await settled();
    const [file = ''] = files();
    const text = readFileSync(path(file), 'utf8');
    writeFileSync(path(file), text.replaceAll('"b"', '"x"'));
    const second = start();
    assert.deepEqual(knownTo(second), { a: 'a', c: 'c' });
    assert.equal(loud().length, 1);
    await until('set aside', () => files().includes(`${file}.damaged`));
    assert.deepEqual(knownTo(start()), { a: 'a', c: 'c' });
    assert.equal(loud().length, 1, 'it is said once');
  });

  it('zeros at the end, as a power cut leaves them, are a write that was cut off', async () => {
    const first = start();
    first.put('a', 1);
    await first.written();
    await settled();
    const [file = ''] = files();
    writeFileSync(path(file), Buffer.concat([readFileSync(path(file)), Buffer.alloc(4096)]));
    assert.deepEqual(knownTo(start()), { a: 1 });
    assert.deepEqual(loud(), []);
  });

  it('sets a file of another version aside, and touches nothing that is not its own', async () => {
    const strange = [{ journal: 'things', version: 99 } as const, { key: 'a', value: 'else' } as const];
    writeFileSync(join(folder, 'things-000007.journal'), strange.map(printLine).join(''));
    writeFileSync(join(folder, 'other-000001.journal'), printLine({ journal: 'other', version: 1 }));
    const journal = start();
    assert.deepEqual(knownTo(journal), {});
    assert.equal(loud().length, 1);
    journal.put('b', 1);
    await until('set aside', () => files().includes('things-000007.journal.damaged'));
    assert.ok(files().includes('other-000001.journal'));
  });

  it('grows no longer than what it has to say', async () => {
    const journal = start({ longest: 100 });
    for (let i = 0; i < 5000; i++) {
      journal.put(`k${i % 20}`, i);
      if (i % 50 === 0) await journal.written();
    }
    await journal.written();
    await settled();
    const text = readFileSync(path(files()[0]), 'utf8');
    assert.ok(text.split('\n').length < 300, `${text.split('\n').length} lines`);
    assert.deepEqual(knownTo(start()), knownTo(journal));
  });

  it('loses nothing when the process ends while all that is known is being copied', async () => {
    const first = start();
    for (let i = 0; i < 3000; i++) first.put(`k${i}`, i);
    await first.written();
    await first.close();
    const second = start();
    // Files as they are at every moment of the copy, and what was acknowledged by then.
    for (let round = 0; round < 6; round++) {
      second.put(`k${round}`, 'new');
      second.remove(`k${2999 - round}`);
      await second.written();
      assert.deepEqual(readJournal(copyOf(folder), 'things').known, new Map(second.known));
    }
  });
  const copies: string[] = [];
  const copyOf = (source: string): string => {
    const copy = mkdtempSync(join(tmpdir(), 'flipswitch-journal-'));
    copies.push(copy);
    for (const file of readdirSync(source)) writeFileSync(join(copy, file), readFileSync(join(source, file)));
    return copy;
  };
  after(() => copies.forEach((copy) => rmSync(copy, { recursive: true, force: true })));

  it('a full disk: it goes on in memory, says so, and makes up for it once there is room', async () => {
    let full = false;
    const create = async (file: string): Promise<Appended> => {
      const handle = await open(file, 'ax');
      return {
        appendFile: async (data) => {
          if (full) {
            await handle.appendFile('12345678 {');
            throw new Error('ENOSPC: no space left on device');
          }
          return handle.appendFile(data);
        },
        datasync: () => handle.datasync(),
        stat: () => handle.stat(),
        close: () => handle.close(),
      };
    };
    const journal = start({ create, retryMs: [1000, 4000] });
    journal.put('before', 1);
    await journal.written();
    await settled();
    full = true;
    journal.put('during', 2);
    await journal.written();
    assert.ok(journal.behind);
    assert.equal(loud().length, 1);
    journal.remove('before');
    journal.put('later', 3);
    await journal.written();
    clock.advance(1000);
    await until('it was tried again, in vain', () => loud().length === 2);
    assert.deepEqual([...readJournal(folder, 'things').known], [['before', 1]]);
    full = false;
    clock.advance(2000);
    await until('made up for', () => said.some(({ message }) => message === 'journal written again'));
    assert.ok(!journal.behind);
    journal.put('after', 4);
    await journal.written();
    assert.deepEqual(knownTo(start()), { during: 2, later: 3, after: 4 });
  });

  it('a file that somebody removed is noticed, and everything is written anew', async () => {
    const journal = start({ retryMs: [1000, 1000] });
    journal.put('a', 1);
    await journal.written();
    await settled();
    for (const file of files()) rmSync(path(file));
    journal.put('b', 2);
    await journal.written();
    clock.advance(1000);
    await until('it is said', () => loud().length === 1);
    clock.advance(1000);
    await until('made up for', () => said.some(({ message }) => message === 'journal written again'));
    assert.deepEqual(
      [...readJournal(folder, 'things').known],
      [
        ['a', 1],
        ['b', 2],
      ],
    );
  });

  it('forcing a file onto the disk that is replaced meanwhile is no failure', async () => {
    let force: () => void = () => undefined;
    const forced = new Promise<void>((done) => (force = done));
    const settling: Promise<unknown>[] = [];
    const create = async (file: string): Promise<Appended> => {
      const handle = await open(file, 'ax');
      const first = settling.length === 0;
      return {
        appendFile: (data) => handle.appendFile(data),
        datasync: () => handle.datasync(),
        stat: () => {
          const done = first ? forced.then(() => handle.stat()) : handle.stat();
          settling.push(done.catch(() => undefined));
          return done;
        },
        close: () => handle.close(),
      };
    };
    const journal = start({ create, longest: 10 });
    journal.put('a', 0);
    await journal.written();
    await settled();
    clock.advance(1000);
    await until('it is being forced', () => settling.length === 1);
    for (let i = 1; i < 20; i++) {
      journal.put('a', i);
      await journal.written();
    }
    await settled();
    force();
    force();
    await settling[0];
    await journal.close();
    assert.deepEqual(loud(), []);
    assert.deepEqual(knownTo(start()), { a: 19 });
  });

  it('a folder that is gone is told, and tried again when it closes', async () => {
    const journal = start();
    await journal.written();
    await settled();
    let there = false;
    const create = async (file: string): Promise<Appended> => {
      if (!there) throw new Error('EROFS: read-only file system');
      return open(file, 'ax');
    };
    const second = start({ create });
    second.put('a', 1);
    await second.written();
    assert.equal(loud().length, 1);
    there = true;
    await second.close();
    assert.deepEqual(knownTo(start()), { a: 1 });
  });
});
