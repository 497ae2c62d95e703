import { parentPort, workerData } from 'node:worker_threads';
import { LocalRelay } from './local-relay.ts';
import type { FromRelay, RelayThreadOptions, ToRelay } from './protocol.ts';
import { threadLogger } from './thread-logger.ts';

/** The entry of a relay thread: carries out the commands that the control thread sends, and moves packets. */
const port = parentPort!;
const post = (message: FromRelay) => port.postMessage(message);

const relay = await LocalRelay.open(workerData as RelayThreadOptions, threadLogger(post), {
  notify: (event) => post({ type: 'notify', event }),
  ended: (call) => post({ type: 'ended', call }),
});

port.on('message', (message: ToRelay) => {
  if (message.type === 'request')
    return post({ type: 'reply', id: message.id, reply: relay.execute(message.request) });
  void relay.close().then(() => {
    post({ type: 'closed' });
    port.close();
  });
});

post({ type: 'ready' });
