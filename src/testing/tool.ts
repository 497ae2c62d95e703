import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';

/** Why a program cannot be run here; undefined when it can. */
export const missingTool = (command: string, debianPackage: string): string | undefined => {
  const found = spawnSync(command, ['-v'], { stdio: 'ignore', timeout: 5000 });
  return found.error === undefined
    ? undefined
    : `${command} is not installed (apt-get install ${debianPackage})`;
};

/**
 * Skips the test or hook that needs something this machine has not, and says why; with CI=true it fails instead, so that
 * nothing passes unseen.
 */
export const skipWithout = (context: Mocha.Context, reason: string | undefined): void => {
  if (reason === undefined) return;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stdout.write(`    skipped: ${reason}\n`);
  context.skip();
};

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export const freeTcpPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
};

const LOG_BYTES = 200_000;

/** A program that a test started: what it wrote, how it ended, and how to end it. */
export class Tool {
  readonly command: string;
  readonly #process: ChildProcess;
  #output = '';
  #over = false;
  /** The exit code; -1 for a signal or a program that could not be started. */
  readonly ended: Promise<number>;

  constructor(
    command: string,
    args: readonly string[],
    options: {
      readonly cwd?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** Whether it reads what `write` gives it. */
      readonly reads?: boolean;
      /** Called with what it writes, as it comes. */
      readonly heard?: (text: string) => void;
    } = {},
  ) {
    const { cwd, env, reads = false, heard } = options;
    this.command = `${command} ${args.join(' ')}`;
    this.#process = spawn(command, args, {
      stdio: [reads ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'dumb', ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    // It may have ended by the time something is written.
    this.#process.stdin?.on('error', () => undefined);
    const keep = (text: string) => {
      this.#output = (this.#output + text).slice(-LOG_BYTES);
      heard?.(text);
    };
    this.#process.stdout?.setEncoding('utf8').on('data', keep);
    this.#process.stderr?.setEncoding('utf8').on('data', keep);
    this.ended = new Promise((resolve) => {
      const end = (code: number | null) => {
        this.#over = true;
        resolve(code ?? -1);
      };
      this.#process.once('close', end);
      this.#process.once('error', (error) => {
        keep(String(error));
        end(-1);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get over(): boolean {
    return this.#over;
  }

  get output(): string {
    return this.#output;
  }

  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends it, by force after `patience` ms. */
  async stop(patience = 2000): Promise<void> {
    this.#process.kill('SIGTERM');
    const last = setTimeout(() => this.#process.kill('SIGKILL'), patience);
    await this.ended;
    clearTimeout(last);
  }
}
