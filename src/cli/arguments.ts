import { parseArgs } from 'node:util';

export type Arguments =
  | { readonly kind: 'run'; readonly config?: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly message: string };

export const help = `Flipswitch: a SIP softswitch on which a live call moves between a person's devices.

  npm start                        run with the built-in configuration, data in ./data
  npm start -- --config FILE       run with a configuration of one's own

  --config FILE   JSON configuration; docs/configuration.md lists its keys, config/ has examples
  --help          this text
  --version       the version

The first start with an empty data folder makes two users with three phones each and prints their passwords.
SIGTERM and SIGINT stop it when the calls have ended, after shutdown.drainSeconds at the latest; a second one at once.
`;

/** What the command line asks for. */
export function readArguments(argv: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { config: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
      strict: true,
    });
    if (values.help === true) return { kind: 'help' };
    if (values.version === true) return { kind: 'version' };
    return { kind: 'run', ...(values.config === undefined ? {} : { config: values.config }) };
  } catch (error) {
    return { kind: 'wrong', message: (error as Error).message };
  }
}
