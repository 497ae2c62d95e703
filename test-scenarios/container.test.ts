import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { freeTcpPort, Tool } from '../src/testing/tool.ts';

const root = resolve(import.meta.dirname, '..');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
const instructions = dockerfile
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
/** What a later stage has of an instruction. */
const last = (name: string): string => instructions.findLast((line) => line.name === name)?.rest ?? '';
const list = (text: string): string[] => JSON.parse(/\[.*\]/.exec(text)?.[0] ?? '[]') as string[];

/** The image's second stage, its COPY lines carried out in a folder; packages as `npm ci --omit=dev` has them. */
function build(app: string): void {
  const copies = instructions.slice(instructions.findLastIndex((line) => line.name === 'FROM'));
  for (const { name, rest } of copies) {
    if (name !== 'COPY' || rest.startsWith('--from')) continue;
    const paths = rest.split(/\s+/);
    const to = paths.pop() ?? '';
    for (const path of paths)
      cpSync(join(root, path), paths.length > 1 || to.endsWith('/') ? join(app, to, path) : join(app, to), {
        recursive: true,
        // .dockerignore
        filter: (file) => !file.endsWith('.test.ts'),
      });
  }
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true || path.lastIndexOf('node_modules/') > 0) continue;
    mkdirSync(dirname(join(app, path)), { recursive: true });
    symlinkSync(join(root, path), join(app, path));
  }
}

describe('the container image, built by hand', function () {
  this.timeout(30_000);
  let folder = '';
  let tool: Tool | undefined;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'flipswitch-image-'));
    build(folder);
  });
  after(async () => {
    await tool?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('M-04 two stages, production packages alone, no root, a health check, ports', () => {
    assert.equal(instructions.filter((line) => line.name === 'FROM').length, 2);
    assert.match(dockerfile, /npm ci --omit=dev/);
    assert.notEqual(last('USER'), '');
    assert.notEqual(last('USER'), 'root');
    assert.match(last('EXPOSE'), /5060\/udp 5060\/tcp .*8080\/tcp/);
    assert.match(last('HEALTHCHECK'), /healthz/);
  });

  it('M-02 starts with its own configuration and packages, is healthy, and ends in peace on SIGTERM', async () => {
    const [command = '', ...fixed] = list(last('ENTRYPOINT'));
    const [option = '', inImage = ''] = list(last('CMD'));
    assert.deepEqual([command, option], ['node', '--config']);
    // Its configuration, on ports and in a folder of this test.
    const config = JSON.parse(readFileSync(join(folder, inImage.replace('/app/', '')), 'utf8')) as {
      data: string;
      http: { listen: string };
    };
    assert.equal(config.data, last('VOLUME'));
    const port = await freeTcpPort();
    config.http.listen = config.http.listen.replace(/:8080$/, `:${port}`);
    assert.match(config.http.listen, new RegExp(`^0\\.0\\.0\\.0:${port}$`));
    const file = join(folder, 'config/test.json');
    const signaling = { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'] };
    writeFileSync(file, JSON.stringify({ ...config, signaling, data: join(folder, 'data') }));
    // Symbolic links as they are: what only development needs is not found behind them.
    const program = new Tool(process.execPath, ['--preserve-symlinks', ...fixed, '--config', file], {
      cwd: folder,
    });
    tool = program;
    while (!program.output.includes('"msg":"ready"')) {
      assert.ok(!program.over, program.output);
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.match(program.output, /1001/);
    const [, ...check] = list(last('HEALTHCHECK'));
    const asked = check.map((text) => text.replace(':8080', `:${port}`));
    const healthy = new Tool(process.execPath, asked);
    assert.equal(await healthy.ended, 0, healthy.output);
    program.signal('SIGTERM');
    assert.equal(await program.ended, 0, program.output);
    const gone = new Tool(process.execPath, asked);
    assert.equal(await gone.ended, 1, 'and is not healthy any more');
  });
});
