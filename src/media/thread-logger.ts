import type { Logger } from '../base/index.ts';
import type { LogMessage } from './protocol.ts';

const cloneable = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? String(value.stack) : value]),
  );

/** A logger whose lines travel to another thread. */
export function threadLogger(post: (line: LogMessage) => void, bound: object = {}): Logger {
  const at = (level: LogMessage['level']) => (fields: object, message?: string) =>
    post({ type: 'log', level, fields: { ...bound, ...cloneable(fields) }, message });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => threadLogger(post, { ...bound, ...fields }),
  };
}

/** Writes a line that came from a thread. */
export const writeLog = (logger: Logger, line: LogMessage): void =>
  logger[line.level](line.fields, line.message);
