import type { EngineStats, ListeningAddress } from './options.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** From the engine's thread. */
export type FromWorker =
  | {
      readonly type: 'listening';
      readonly listeners: readonly ListeningAddress[];
      readonly admin: AdminAddress;
    }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly value: EngineStats | object };

/** To the engine's thread; each is answered by an `answer` with the same id. */
export type ToWorker = { readonly type: 'stats' | 'describe' | 'close'; readonly id: number };

export type AdminAddress = { readonly host: string; readonly port: number };
