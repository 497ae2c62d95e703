import { pino, type DestinationStream } from 'pino';
import type { Logger } from './logger.ts';

export type LogOptions = {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Whether extensions, telephone numbers, names and SIP addresses are written in full. */
  readonly numbers: boolean;
  /** Whether session descriptions are written. */
  readonly sdp: boolean;
};

/** Fields that say who called whom. */
const personal = new Set(
  [
    ['from', 'to', 'caller', 'callee', 'user', 'device', 'target', 'uri', 'contact', 'name', 'displayName'],
    ['aor', 'extension', 'number', 'dialled', 'userId', 'deviceId', 'username', 'identity', 'party'],
  ].flat(),
);
const descriptions = new Set(['sdp', 'body', 'offer', 'answer', 'localSdp', 'remoteSdp']);

/** All but the last two digits of a number, and names altogether, are hidden. */
function hide(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hide);
  if (typeof value === 'number') return hide(String(value));
  if (typeof value !== 'string') return value;
  return /\d/.test(value)
    ? value.replace(/\d(?=\d{2})/g, '*').replace(/"[^"]*"/g, '"*"')
    : value.replace(/\S(?!$)/g, '*');
}

function redact(fields: object, options: LogOptions): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (descriptions.has(key) && !options.sdp) return [key, '[not logged]'];
      if (personal.has(key) && !options.numbers && (typeof value !== 'object' || Array.isArray(value)))
        return [key, hide(value)];
      return [key, isPlain(value) ? redact(value, options) : value];
    }),
  );
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A pino logger that writes JSON lines to `destination`; who called whom is hidden unless `options` ask for it. */
export function createLogger(options: LogOptions, destination?: DestinationStream): Logger {
  const fields = { base: null, level: options.level, timestamp: pino.stdTimeFunctions.isoTime };
  return wrap(destination === undefined ? pino(fields) : pino(fields, destination), options);
}

function wrap(inner: Logger, options: LogOptions): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message?: string) =>
    inner[level](redact(fields, options), message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(inner.child(redact(fields, options)), options),
  };
}
