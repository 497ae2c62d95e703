import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { needRtpengine } from '../src/testing/index.ts';

/** The stories that bring no engine of their own; others have both engines in one file. */
const stories = [
  'api-calls',
  'call-basic',
  'flip-held-recorded',
  'flip-pull',
  'flip-push',
  'flip-races',
  'push-parties',
  'transports',
];

const root = resolve(import.meta.dirname, '..');

/** Runs a story's file by itself; resolves to its exit code and what it printed. */
function run(story: string): Promise<{ readonly code: number | null; readonly printed: string }> {
  const mocha = resolve(root, 'node_modules/mocha/bin/mocha.js');
  const child = spawn(process.execPath, [mocha, `test-scenarios/${story}.test.ts`], {
    cwd: root,
    env: { ...process.env, FLIPSWITCH_TEST_MEDIA: 'rtpengine' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, printed }));
  });
}

describe('M-07 the same stories on a real rtpengine', function () {
  this.timeout(300_000);
  before(function () {
    needRtpengine(this);
  });
  for (const story of stories)
    it(story, async () => {
      const { code, printed } = await run(story);
      assert.equal(code, 0, printed);
      // A file that was not found, or a story that was left out, is none that passed.
      assert.match(printed, /[1-9]\d* passed, 0 failed/, printed);
    });
});
