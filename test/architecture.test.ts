import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** What each folder under src/ may import, besides itself: the arrows of docs/architecture.md. */
const arrows: Record<string, readonly string[]> = {
  base: [],
  config: ['base'],
  net: ['base'],
  sip: ['base', 'net'],
  drachtio: ['base', 'net', 'sip'],
  sdp: ['base'],
  rtp: ['base'],
  ng: ['base', 'net'],
  media: ['base', 'net', 'sdp', 'rtp', 'ng'],
  stores: ['base'],
  switch: ['base', 'sdp', 'ng', 'stores'],
  http: ['base', 'switch', 'stores'],
  console: [],
  cli: [],
  // main.ts's own parts: everything is put together here, and only main.ts imports it.
  start: ['base', 'cli', 'config', 'drachtio', 'http', 'media', 'stores', 'switch'],
  testing: ['base', 'net', 'sip', 'sdp', 'rtp', 'ng'],
};

const src = resolve(import.meta.dirname, '../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
const isTest = (file: string) => file.endsWith('.test.ts');
const importsOf = (file: string) =>
  [
    ...readFileSync(join(src, file), 'utf8').matchAll(
      /^\s*(?:import|export)\b[^'";]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'/gm,
    ),
  ].map((m) => m[1] ?? m[2] ?? '');

describe('architecture', () => {
  it('sees the source tree', () => assert.ok(files.length > 5));

  for (const file of files.filter((f) => !isTest(f) && f.includes(sep))) {
    const folder = file.split(sep)[0] ?? '';
    it(`${file} imports along the arrows only`, () => {
      const allowed = arrows[folder];
      assert.ok(allowed, `src/${folder} is not in the list of folders`);
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) continue;
        const path = relative(src, resolve(src, dirname(file), target)).split(sep);
        const to = path[0] ?? '';
        if (to === folder) continue;
        assert.ok(allowed.includes(to), `src/${folder} must not import src/${to} (${target})`);
        assert.ok(
          path.length === 1 || path.at(-1) === 'index.ts',
          `import src/${to} through its index.ts, not ${target}`,
        );
      }
    });
  }

  it('keeps sockets and timers in net/, cli/, main.ts and the clock', () => {
    const sockets = /from '(?:node:)?(net|dgram|tls|http|https|http2|dns|dns\/promises)'/;
    const timers = /\b(setTimeout|setInterval)\(/;
    const owners = ['net', 'cli', 'testing', 'http', 'start'];
    for (const file of files.filter((f) => !isTest(f) && f.includes(sep))) {
      const folder = file.split(sep)[0] ?? '';
      if (owners.includes(folder)) continue;
      const text = readFileSync(join(src, file), 'utf8');
      assert.ok(!sockets.test(text), `${file} opens sockets; that is net/'s work`);
      if (file !== join('base', 'clock.ts'))
        assert.ok(!timers.test(text), `${file} sets timers; take a Clock`);
    }
  });

  it('reads the environment in main.ts and cli/ only', () => {
    for (const file of files.filter((f) => !isTest(f) && f.includes(sep) && !/^(cli|testing)/.test(f))) {
      assert.ok(!/process\.env/.test(readFileSync(join(src, file), 'utf8')), `${file} reads process.env`);
    }
  });
});
