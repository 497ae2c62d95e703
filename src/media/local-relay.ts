import { systemClock, systemRandom, type Logger } from '../base/index.ts';
import { openDatagrams, type DatagramIo } from '../net/index.ts';
import { ngError, type NgDictionary } from '../ng/index.ts';
import type { CallHome, CallHomeListener } from './call-home.ts';
import { execute } from './commands/index.ts';
import type { RelayThreadOptions } from './protocol.ts';
import { Relay } from './relay/relay.ts';

/** A relay on the calling thread: it carries commands out at once, and nothing is handed from thread to thread. */
export class LocalRelay implements CallHome {
  readonly #relay: Relay;
  readonly #logger: Logger;
  readonly #datagrams: DatagramIo;
  calls = 0;

  private constructor(
    datagrams: DatagramIo,
    options: RelayThreadOptions,
    logger: Logger,
    listener: CallHomeListener,
  ) {
    this.#logger = logger;
    this.#datagrams = datagrams;
    this.#relay = new Relay({
      ...options,
      datagrams,
      clock: systemClock,
      random: systemRandom,
      logger,
      notify: (event) => listener.notify(event),
      ended: (call) => listener.ended(call),
    });
  }

  /** Chooses what carries its packets, and says so in the log. */
  static async open(
    options: RelayThreadOptions,
    logger: Logger,
    listener: CallHomeListener,
  ): Promise<LocalRelay> {
    const { io, reason } = await openDatagrams(options.io ?? 'auto');
    logger.info({ io: io.kind, ...(reason === undefined ? {} : { reason }) }, 'media packets have their way');
    return new LocalRelay(io, options, logger, listener);
  }

  execute(request: NgDictionary): NgDictionary {
    try {
      return execute(this.#relay, request);
    } catch (error) {
      this.#logger.error({ err: error, command: request['command'] }, 'a command failed');
      return ngError(String(error));
    }
  }

  async close(): Promise<void> {
    await this.#relay.close();
    await this.#datagrams.close();
  }
}
