import { parentPort, workerData } from 'node:worker_threads';
import { systemClock, systemRandom } from '../base/index.ts';
import { ngError } from '../ng/index.ts';
import { execute } from './commands/index.ts';
import type { FromRelay, RelayThreadOptions, ToRelay } from './protocol.ts';
import { Relay } from './relay/relay.ts';
import { threadLogger } from './thread-logger.ts';

/** The entry of a relay thread: carries out the commands that the control thread sends, and moves packets. */
const port = parentPort!;
const post = (message: FromRelay) => port.postMessage(message);
const logger = threadLogger(post);

const relay = new Relay({
  ...(workerData as RelayThreadOptions),
  clock: systemClock,
  random: systemRandom,
  logger,
  notify: (event) => post({ type: 'notify', event }),
  ended: (call) => post({ type: 'ended', call }),
});

function answer(message: Extract<ToRelay, { type: 'request' }>): void {
  const { id, request } = message;
  try {
    post({ type: 'reply', id, reply: execute(relay, request) });
  } catch (error) {
    logger.error({ err: error, command: request['command'] }, 'a command failed');
    post({ type: 'reply', id, reply: ngError(String(error)) });
  }
}

port.on('message', (message: ToRelay) => {
  if (message.type === 'request') return answer(message);
  void relay.close().then(() => {
    post({ type: 'closed' });
    port.close();
  });
});

post({ type: 'ready' });
