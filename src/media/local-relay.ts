import { systemClock, systemRandom, type Logger } from '../base/index.ts';
import { ngError, type NgDictionary } from '../ng/index.ts';
import type { CallHome, CallHomeListener } from './call-home.ts';
import { execute } from './commands/index.ts';
import type { RelayThreadOptions } from './protocol.ts';
import { Relay } from './relay/relay.ts';

/** A relay on the calling thread: it carries commands out at once, and nothing is handed from thread to thread. */
export class LocalRelay implements CallHome {
  readonly #relay: Relay;
  readonly #logger: Logger;
  calls = 0;

  constructor(options: RelayThreadOptions, logger: Logger, listener: CallHomeListener) {
    this.#logger = logger;
    this.#relay = new Relay({
      ...options,
      clock: systemClock,
      random: systemRandom,
      logger,
      notify: (event) => listener.notify(event),
      ended: (call) => listener.ended(call),
    });
  }

  execute(request: NgDictionary): NgDictionary {
    try {
      return execute(this.#relay, request);
    } catch (error) {
      this.#logger.error({ err: error, command: request['command'] }, 'a command failed');
      return ngError(String(error));
    }
  }

  close(): Promise<void> {
    return this.#relay.close();
  }
}
