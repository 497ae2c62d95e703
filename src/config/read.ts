import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { contradictions } from './check.ts';
import type { Config } from './config.ts';
import { replaceEnvironment, type Environment } from './environment.ts';
import { ConfigurationError } from './problem.ts';
import { complete } from './schema.ts';

export type ConfigSource = {
  /** What messages call it. */
  readonly name: string;
  /** JSON. */
  readonly text: string;
  /** The folder from which relative paths are taken. */
  readonly folder: string;
};

/**
 * Reads, completes, checks and freezes a configuration. Throws `ConfigurationError` with everything that is wrong, each
 * with its path.
 */
export function parseConfig(source: ConfigSource, environment: Environment): Config {
  const { name, folder } = source;
  let raw: unknown;
  try {
    raw = JSON.parse(source.text);
  } catch (error) {
    throw new ConfigurationError(name, [
      { path: '', message: `it is not JSON: ${(error as Error).message}` },
    ]);
  }
  const { value, problems: missing } = replaceEnvironment(raw, environment);
  if (missing.length > 0) throw new ConfigurationError(name, missing);
  const problems = complete(value);
  if (problems.length > 0) throw new ConfigurationError(name, problems);
  const config = withPaths(value as Config, folder);
  const wrong = contradictions(config);
  if (wrong.length > 0) throw new ConfigurationError(name, wrong);
  return freeze(config);
}

/** `parseConfig` on a file; one that cannot be read is a `ConfigurationError` too. */
export function readConfigFile(file: string, environment: Environment): Config {
  const path = resolve(file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(path, [
      { path: '', message: `it cannot be read: ${(error as Error).message}` },
    ]);
  }
  return parseConfig({ name: path, text, folder: dirname(path) }, environment);
}

function withPaths(config: Config, folder: string): Config {
  const { tls } = config.signaling;
  const absolute = (path: string) => resolve(folder, path);
  const files =
    tls === undefined
      ? {}
      : {
          tls: {
            key: absolute(tls.key),
            cert: absolute(tls.cert),
            ...(tls.ca === undefined ? {} : { ca: absolute(tls.ca) }),
          },
        };
  return {
    ...config,
    domain: config.domain.toLowerCase(),
    data: absolute(config.data),
    signaling: { ...config.signaling, ...files },
    media: withSpool(config.media, absolute),
  };
}

const withSpool = (media: Config['media'], absolute: (path: string) => string): Config['media'] =>
  media.spool === undefined ? media : { ...media, spool: absolute(media.spool) };

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const item of Object.values(value)) freeze(item);
    Object.freeze(value);
  }
  return value;
}
