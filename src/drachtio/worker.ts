import { parentPort, workerData } from 'node:worker_threads';
import type { Logger } from '../base/index.ts';
import { runEngine, type Engine } from './engine.ts';
import type { EngineSettings } from './options.ts';
import type { FromWorker, LogLevel, ToWorker } from './worker-messages.ts';

/** The thread that `startSignalingEngine` starts: an engine, and messages to and from the thread that wants it. */
const port = parentPort;
if (port === null) throw new Error('worker.ts runs on a worker thread only');

const post = (message: FromWorker): void => port.postMessage(message);

const plain = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    ]),
  );

const logger = (bound: object): Logger => {
  const at =
    (level: LogLevel) =>
    (fields: object, message = ''): void =>
      post({ type: 'log', level, fields: plain({ ...bound, ...fields }), message });
  return {
    // A message between threads for each SIP message would cost more than the message itself.
    debug: () => undefined,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logger({ ...bound, ...fields }),
  };
};

const serve = (engine: Engine): void => {
  port.on('message', ({ type, id }: ToWorker) => {
    if (type === 'stats') return post({ type: 'answer', id, value: engine.stats() });
    if (type === 'describe') return post({ type: 'answer', id, value: engine.describe() });
    void engine.close().then(() => {
      post({ type: 'answer', id, value: {} });
      port.close();
    });
  });
  post({ type: 'listening', listeners: engine.listeners, admin: engine.admin });
};

runEngine(workerData as EngineSettings, logger({})).then(serve, (error: unknown) => {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  port.close();
});
