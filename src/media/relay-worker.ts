import { parentPort, workerData } from 'node:worker_threads';
import { decodeBencode, encodeBencode, ngError, type NgDictionary } from '../ng/index.ts';
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

const answer = (encoded: Uint8Array): Uint8Array => {
  const request = decodeBencode(encoded)?.value as NgDictionary | undefined;
  const reply =
    request === undefined ? ngError('Could not decode bencode dictionary') : relay.execute(request);
  // A copy of its own: what is posted takes all of its memory along, and a buffer's is shared with others.
  return new Uint8Array(encodeBencode(reply));
};

port.on('message', (message: ToRelay) => {
  if (message.type === 'request')
    return post({ type: 'reply', id: message.id, reply: answer(message.request) });
  void relay.close().then(() => {
    post({ type: 'closed' });
    port.close();
  });
});

post({ type: 'ready' });
