import { parseArgs } from 'node:util';
import { ApiClient, ApiProblem } from './client.ts';
import { commands, type Command, type Result } from './commands.ts';
import { sheet, table } from './table.ts';

/** What a run of the command line touches. */
export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Ends what goes on until it is ended. */
  readonly signal: AbortSignal;
};

const usage = () => `flipswitch: live calls and their devices, over the HTTP API of a running switch.

${commands.map(({ usage: words, help }) => `  ${words.padEnd(28)} ${help}`).join('\n')}
  ${'events'.padEnd(28)} what happens, until it is interrupted

  --server URL   where the switch is; FLIPSWITCH_SERVER, or http://127.0.0.1:8080
  --json         the API's own words
  --help         this text

FLIPSWITCH_TOKEN is the administrator's token or that of a session (\`flipswitch login EXT\`).
`;

const texts = [
  'server',
  'kind',
  'to',
  'since',
  'until',
  'limit',
  'after',
  'user',
  'number',
  'answered',
  'who',
  'what',
  'ring',
  'trunk',
  'from',
  'at',
  'results',
];
const flags = ['json', 'help', 'wait', 'csv'];
const everywhere = new Set(['server', 'json']);

class WrongUsage extends Error {}

const isArgument = (word: string) => /^[[A-Z]/.test(word);

/** The command whose words these are; the longest when there are several. */
function commandOf(words: readonly string[]): {
  readonly command: Command;
  readonly args: readonly string[];
} {
  const fitting = commands
    .map((command) => {
      const parts = command.usage.split(' ');
      return {
        command,
        fixed: parts.filter((part) => !isArgument(part)),
        needed: parts.filter((part) => /^[A-Z]/.test(part)).length,
        most: parts.filter(isArgument).length,
      };
    })
    .filter(({ fixed }) => fixed.every((part, i) => words[i] === part))
    .toSorted((a, b) => b.fixed.length - a.fixed.length);
  const [best] = fitting;
  if (best === undefined) throw new WrongUsage(`there is no command ${words[0] ?? ''}`);
  const args = words.slice(best.fixed.length);
  if (args.length < best.needed || args.length > best.most)
    throw new WrongUsage(`usage: flipswitch ${best.command.usage}`);
  return { command: best.command, args };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: Object.fromEntries([
        ...texts.map((name) => [name, { type: 'string' as const }]),
        ...flags.map((name) => [name, { type: 'boolean' as const }]),
      ]) as Record<string, { type: 'string' | 'boolean' }>,
    });
  } catch (error) {
    throw new WrongUsage((error as Error).message);
  }
}

function show(result: Result, json: boolean): string {
  switch (result.kind) {
    case 'list':
      return json ? lines(result.rows) : table(result.columns, result.rows);
    case 'one':
      return json ? `${JSON.stringify(result.thing)}\n` : sheet(result.thing);
    case 'text':
      return result.text;
    case 'done':
      return json ? '' : `${result.text}\n`;
    default:
      return '';
  }
}

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Runs one command line; yields the exit code: 0 done, 1 refused or failed, 2 not understood. */
export async function runCommand(argv: readonly string[], around: Surroundings): Promise<number> {
  try {
    const { values, positionals } = parse(argv);
    if (values['help'] === true || positionals.length === 0) {
      around.out(usage());
      return values['help'] === true ? 0 : 2;
    }
    await carryOut(positionals, values, around);
    return 0;
  } catch (error) {
    if (around.signal.aborted) return 0;
    around.error(`${explained(error)}\n`);
    return error instanceof WrongUsage ? 2 : 1;
  }
}

async function carryOut(
  words: readonly string[],
  options: Readonly<Record<string, string | boolean | undefined>>,
  { environment, out, signal }: Surroundings,
): Promise<void> {
  const { FLIPSWITCH_SERVER, FLIPSWITCH_TOKEN, FLIPSWITCH_PIN } = environment;
  const server = options['server'] ?? FLIPSWITCH_SERVER ?? 'http://127.0.0.1:8080';
  const api = new ApiClient(String(server), FLIPSWITCH_TOKEN);
  const json = options['json'] === true;
  if (words[0] === 'events' && words.length === 1) {
    for await (const { name, data } of api.events(signal))
      out(`${json ? JSON.stringify({ event: name, data }) : `${name} ${JSON.stringify(data)}`}\n`);
    return;
  }
  const { command, args } = commandOf(words);
  const stray = Object.keys(options).find(
    (name) => !everywhere.has(name) && !(command.options ?? []).includes(name),
  );
  if (stray !== undefined) throw new WrongUsage(`flipswitch ${command.usage} has no --${stray}`);
  // npm runs scripts in the package's folder; a path is meant from where it was typed.
  const folder = environment['INIT_CWD'] ?? '.';
  out(show(await command.run({ api, args, options, pin: FLIPSWITCH_PIN, folder }), json));
}

function explained(error: unknown): string {
  if (error instanceof ApiProblem && error.status === 401) return `${error.message} (FLIPSWITCH_TOKEN)`;
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
