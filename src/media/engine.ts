import { silentLogger, systemClock, type Logger } from '../base/index.ts';
import { Control } from './control.ts';
import { EngineThread } from './engine-thread.ts';
import type { MediaEngineOptions } from './options.ts';

/** A running media engine. */
export interface MediaEngine {
  /** Where its ng commands go. */
  readonly address: string;
  readonly port: number;
  /** Ends all calls and threads. */
  close(): Promise<void>;
}

/**
 * Runs the engine with its control side on the calling thread, and with it the packets where there is one relay; several
 * have threads of their own. Rejects if it cannot.
 */
export function runMediaEngine(options: MediaEngineOptions, logger: Logger = silentLogger): Promise<Control> {
  return Control.start(options, { clock: systemClock, logger });
}

/**
 * Runs the whole engine on threads of its own, so that the caller's stays free; resolves once it answers commands.
 * Rejects with the reason (a port in use, an address that is not here) where it cannot start. From then on a thread that
 * dies is replaced at the same address, and its calls announced as lost.
 */
export async function startMediaEngine(
  options: MediaEngineOptions,
  logger: Logger = silentLogger,
): Promise<MediaEngine & Pick<EngineThread, 'kill'>> {
  const thread = new EngineThread(options, { clock: systemClock, logger });
  await thread.ready;
  return thread;
}
