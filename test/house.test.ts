import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));

describe('the house', () => {
  it('M-01 is TypeScript, and its types hold under the strictest rules', async function () {
    this.timeout(120_000);
    const { compilerOptions } = JSON.parse(read('tsconfig.json')) as {
      compilerOptions: Record<string, unknown>;
    };
    for (const rule of [
      'strict',
      'noUncheckedIndexedAccess',
      'exactOptionalPropertyTypes',
      'erasableSyntaxOnly',
    ])
      assert.equal(compilerOptions[rule], true, rule);
    const compiler = join(root, 'node_modules/.bin/tsc');
    await assert.doesNotReject(promisify(execFile)(process.execPath, [compiler, '--noEmit'], { cwd: root }));
    const other = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(m?js|cjs|jsx)$/.test(file),
    );
    assert.deepEqual(other, []);
  });

  it('M-02 needs Node alone at run time: no dependency with a build step or a program of its own', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      const { gypfile, scripts = {} } = JSON.parse(read(`node_modules/${name}/package.json`)) as {
        gypfile?: boolean;
        scripts?: Record<string, string>;
      };
      assert.ok(gypfile !== true && scripts['install'] === undefined, `${name} is built at its installation`);
    }
  });

  it('M-03 every package that was asked for does real work in the program', () => {
    const program = sources('src').filter(
      (file) => !/\.(test|d)\.ts$/.test(file) && !file.includes('testing'),
    );
    const imported = (name: string) =>
      program.filter((file) =>
        new RegExp(`^(import|export)[^;]*from '${name}(/[^']*)?'`, 'm').test(read(file)),
      );
    for (const name of ['drachtio-srf', 'drachtio-fn-b2b-sugar', 'rtpengine-client', 'pino', 'ajv'])
      assert.ok(imported(name).length > 0, `${name} is not used`);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    assert.match(scripts['test'] ?? '', /^mocha /);
    const tests = [...sources('test-scenarios'), ...sources('bench')].map(read).join('\n');
    for (const file of readdirSync(join(root, 'test-scenarios/sipp')))
      if (file.endsWith('.xml'))
        assert.match(
          tests,
          new RegExp(`'(sipp/)?${file.replace(/\.xml$/, '')}(\\.xml)?'`),
          `${file} is not run`,
        );
  });

  it('M-04 has the tree that was asked for', () => {
    for (const file of ['package.json', 'tsconfig.json', 'Dockerfile', 'README.md'])
      assert.ok(statSync(join(root, file)).isFile(), file);
    for (const folder of ['src', 'config', 'rtpengine', 'test-scenarios'])
      assert.ok(statSync(join(root, folder)).isDirectory(), folder);
    for (const file of ['rtpengine/rtpengine.conf', 'config/schema.json', 'src/main.ts'])
      assert.ok(existsSync(join(root, file)), file);
  });
});
