import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { help, readArguments } from './cli/index.ts';
import { ConfigurationError, parseConfig, readConfigFile, type Config } from './config/index.ts';

/** The program: reads what is asked for, starts the switch, and stops it when it is told to. */

function readConfig(file: string | undefined): Config {
  const environment = process.env;
  if (file === undefined)
    return parseConfig(
      { name: 'the built-in configuration', text: '{}', folder: process.cwd() },
      environment,
    );
  // npm runs scripts in the package's folder; the path is meant from where it was typed.
  const typedIn = environment['INIT_CWD'];
  const elsewhere = typedIn === undefined ? file : resolve(typedIn, file);
  return readConfigFile(!existsSync(file) && existsSync(elsewhere) ? elsewhere : file, environment);
}

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** A wrong configuration or a place that is taken is told in words; anything else is a fault, told with its stack. */
function fail(error: unknown): never {
  const told = error instanceof ConfigurationError || (error as Error).name === 'StartFailure';
  const text = told ? (error as Error).message : ((error as Error).stack ?? String(error));
  process.stderr.write(`flipswitch cannot start: ${text}\n`);
  process.exit(1);
}

async function serve(config: Config): Promise<void> {
  // drachtio-srf asks for a variable at each header of each message, which costs a fifth of its parsing; a copy answers at once.
  process.env = { ...process.env };
  // Loaded only now: a wrong configuration is told before drachtio-srf and fastify are read.
  const { run } = await import('./start/index.ts');
  const running = run(config);
  let stopping = false;
  const stop = async () => {
    const { drain, stop: close } = await running;
    await drain();
    await close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      stop().catch(fail);
    });
  await running;
}

async function main(): Promise<void> {
  const asked = readArguments(process.argv.slice(2));
  if (asked.kind === 'run') return serve(readConfig(asked.config));
  if (asked.kind === 'help') process.stdout.write(help);
  else if (asked.kind === 'version') process.stdout.write(`${version()}\n`);
  else {
    process.stderr.write(`flipswitch: ${asked.message}\n\n${help}`);
    process.exitCode = 1;
  }
  return undefined;
}

main().catch(fail);
