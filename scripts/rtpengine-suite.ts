/**
 * Runs rtpengine's own daemon tests (auto-daemon-tests*.pl of its repository) against the embedded relay, or against an
 * installed rtpengine as a check of this script:
 *
 *   node scripts/rtpengine-suite.ts --tests CHECKOUT [--engine embedded] [--files auto-daemon-tests.pl,…] [--show all|diff]
 *     [--only 055,071-077]
 *
 * CHECKOUT is a checkout of sipwise/rtpengine at the version to compare with (mr10.5.3.5 for Debian 12). Needs root for a
 * network namespace with the tests' addresses, and Debian's libbencode-perl libcrypt-rijndael-perl libdigest-hmac-perl
 * libdigest-crc-perl libcrypt-openssl-rsa-perl libnet-interface-perl libsocket6-perl libio-multiplex-perl.
 *
 * The tests are one long script each, which ends at the first surprise. So each is cut where a new call begins, and every
 * section runs by itself; a packet that does not come fails its own check instead of ending the script. Three sections that
 * need variables of the one before end early on any engine.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    tests: { type: 'string' },
    engine: { type: 'string', default: 'embedded' },
    files: { type: 'string', default: 'auto-daemon-tests.pl,auto-daemon-tests-pubsub.pl' },
    show: { type: 'string', default: 'failed' },
    only: { type: 'string', default: '' },
    inside: { type: 'boolean', default: false },
  },
});

const ADDRESSES = /\b(?:198\.51\.10[01]|203\.0\.113)\.\d{1,3}\b|\b2001:db8:[0-9a-f:]+/g;
const SECTION_MS = 30_000;

type Section = { readonly name: string; readonly script: string };
type Outcome = {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly ended: boolean;
  /** The first check that failed, and all that the tests said. */
  readonly first: string;
  readonly said: string;
};

/** Which sections are asked for by `--only`: numbers and ranges of them; all of them without. */
const wanted = ({ name }: Section): boolean =>
  options.only === '' ||
  options.only.split(',').some((range) => {
    const [from = '', to = from] = range.split('-');
    return Number(name.slice(0, 3)) >= Number(from) && Number(name.slice(0, 3)) <= Number(to);
  });

/** Whether a new call begins at this line, on it or, after the list of its sockets, on the next. */
function begins(lines: readonly string[], i: number): boolean {
  const [line = '', next = ''] = [lines[i], lines[i + 1]];
  if (/^[($@n]/.test(line) && /\bnew_call\b/.test(line)) return true;
  return /^\(.*\) =$/.test(line) && /^\s+new_call\b/.test(next);
}

/** Whether the next line lies in a conditional block, in which nothing is cut. */
const blockAfter = (inside: boolean, line: string) =>
  (inside || /^(?:if|unless)\b.*\{$/.test(line)) && line !== '}';

const declares = (line: string) => /^my [$(@%][^=]*;|^my \$\w+ = ["'\d].*;$/.test(line);

/** Declarations and helpers anywhere in the script belong to all sections; the rest is cut at each new call. */
function cut(text: string): Section[] {
  const lines = text.split('\n');
  const first = lines.findIndex((_, i) => begins(lines, i));
  const shared = lines.slice(0, first);
  const sections: string[][] = [[]];
  let [helper, block] = [false, false];
  for (const [i, line] of lines.entries()) {
    if (i < first || line.startsWith('done_testing')) continue;
    helper ||= line.startsWith('sub ');
    if (begins(lines, i) && !block && !helper) sections.push([]);
    (helper || declares(line) ? shared : sections.at(-1))?.push(line);
    block = blockAfter(block, line);
    helper &&= !line.startsWith('}');
  }
  return sections.slice(1).map((section, n) => toSection(shared, section, n));
}

function toSection(shared: readonly string[], section: readonly string[], n: number): Section {
  const marked = [...shared, 'print "SECTION\\n";', ...section, 'print "\\nSECTION-END\\n";', ''];
  const title = /^(?:offer|answer|publish|subscribe_\w+|rtpe_req)\(\s*'([^']*)'/m.exec(section.join('\n'));
  return { name: `${String(n).padStart(3, '0')} ${title?.[1] ?? ''}`, script: marked.join('\n') };
}

/** The tests' library, made to run on real sockets: their own preload library is not needed in a namespace. */
function library(checkout: string, folder: string): string {
  const perl = join(folder, 'perl');
  cpSync(join(checkout, 'perl'), perl, { recursive: true });
  const file = join(perl, 'NGCP/Rtpengine/AutoTest.pm');
  const receive = `my $addr = eval { local $SIG{ALRM} = sub { die "nothing\\n" }; Time::HiRes::ualarm(200_000);
\t\tmy $from = $sock->recv($p, 65535, 0); Time::HiRes::ualarm(0); $from };
\tTime::HiRes::ualarm(0);
\tif (!defined $addr) { fail('received packet matches (nothing received)'); return; }`;
  const text = readFileSync(file, 'latin1')
    .replace(/local \$SIG\{ALRM\}.*?\n\s*alarm\(1\);\n(.*recv\(.*)\n\s*alarm\(0\);/, receive)
    .replace(/\$addr =~ [^\n]*\n\s*unshift\(@matches, \$1\);/, () =>
      [
        'my ($err, $host, $port) = Socket::getnameinfo($addr, Socket::NI_NUMERICHOST() | Socket::NI_NUMERICSERV());',
        'unshift(@matches, $port);',
      ].join('\n'),
    );
  writeFileSync(file, text, 'latin1');
  return perl;
}

function startEngine(folder: string): ChildProcess {
  const media = ['203.0.113.1', '2001:db8:4321::1'];
  const [file, args] =
    options.engine === 'rtpengine'
      ? [
          'rtpengine',
          [
            ...'--config-file=none -t -1 -n 2223 -f -L 4 -E --silence-detect=1'.split(' '),
            ...media.flatMap((a) => ['-i', a]),
          ],
        ]
      : [
          process.execPath,
          [
            'src/media/standalone.ts',
            '--listen',
            '127.0.0.1:2223',
            '--threads',
            '1',
            '--recording-dir',
            folder,
            ...media.flatMap((a) => ['--address', a]),
          ],
        ];
  return spawn(file, args, { cwd: root, stdio: 'ignore' });
}

/** Resolves when the engine answers a ping; rejects after ten seconds. */
async function answering(): Promise<void> {
  const socket = createSocket('udp4');
  try {
    const pong = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
    const ping = setInterval(() => socket.send('0_0 d7:command4:pinge', 2223, '127.0.0.1'), 100);
    await pong.finally(() => clearInterval(ping));
  } finally {
    socket.close();
  }
}

function runSection(section: Section, checkout: string, perl: string): Outcome {
  const file = join(perl, 'section.pl');
  writeFileSync(file, section.script, 'latin1');
  const run = spawnSync('perl', [file], {
    cwd: join(checkout, 't'),
    encoding: 'latin1',
    timeout: SECTION_MS,
    env: { ...process.env, PERL5LIB: perl, RTPE_TEST_NO_LAUNCH: '1', RTPE_PRELOAD_TEST_ACTIVE: '1' },
  });
  const body = run.stdout.split('SECTION\n').slice(1).join('\n');
  const failures = [...body.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1] ?? '');
  const passed = [...body.matchAll(/^ok /gm)].length;
  const ended = body.includes('SECTION-END');
  const said = `${body}\n${run.stderr}`;
  return { name: section.name, passed, failed: failures.length, ended, first: failures[0] ?? '', said };
}

function report(file: string, outcomes: readonly Outcome[]): void {
  const clean = (o: Outcome) => o.failed === 0 && o.ended;
  const sum = (of: (o: Outcome) => number) => outcomes.reduce((total, o) => total + of(o), 0);
  for (const o of outcomes)
    if (options.show === 'all' || !clean(o)) {
      console.log(
        `  ${clean(o) ? 'passed' : 'failed'} ${o.passed}/${o.passed + o.failed} ${o.name}${o.ended ? '' : ' (ended early)'}: ${o.first}`,
      );
      if (options.show === 'diff') console.log(o.said);
    }
  const whole = `${outcomes.filter(clean).length} of ${outcomes.length} sections`;
  console.log(`${file}: ${whole}, ${sum((o) => o.passed)} checks passed, ${sum((o) => o.failed)} failed`);
}

async function inside(checkout: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rtpengine-suite-'));
  const files = options.files
    .split(',')
    .map((name) => [name, readFileSync(join(checkout, 't', name), 'latin1')] as const);
  const addresses = new Set(files.flatMap(([, text]) => text.match(ADDRESSES) ?? []));
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  for (const address of addresses) {
    const [length, flags] = address.includes(':') ? [128, ['nodad']] : [32, []];
    spawnSync('ip', ['addr', 'add', `${address}/${length}`, 'dev', 'lo', ...flags]);
  }
  mkdirSync(folder, { recursive: true });
  const perl = library(checkout, folder);
  const engine = startEngine(folder);
  try {
    await answering();
    for (const [name, text] of files)
      report(
        name,
        cut(text)
          .filter(wanted)
          .map((section) => runSection(section, checkout, perl)),
      );
    if (engine.exitCode !== null) console.log(`the engine ended with ${engine.exitCode}`);
  } finally {
    engine.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (options.tests === undefined) {
  console.error('usage: node scripts/rtpengine-suite.ts --tests CHECKOUT [--engine embedded|rtpengine]');
  process.exit(2);
}
if (options.inside) await inside(resolve(options.tests));
else {
  const args = ['-n', process.execPath, import.meta.filename, ...process.argv.slice(2), '--inside'];
  process.exit(spawnSync('unshare', args, { stdio: 'inherit' }).status ?? 1);
}
