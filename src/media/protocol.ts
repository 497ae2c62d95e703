import type { NgDictionary } from '../ng/index.ts';
import type { MediaEngineOptions } from './options.ts';
import type { RelayOptions } from './relay/relay.ts';

/** What a relay thread is started with. */
export type RelayThreadOptions = Omit<
  RelayOptions,
  'clock' | 'random' | 'logger' | 'notify' | 'ended' | 'datagrams'
> &
  Pick<MediaEngineOptions, 'io'>;

/** To a relay thread. Requests and replies are in bencode: octets cross from thread to thread more cheaply than objects. */
export type ToRelay =
  | { readonly type: 'request'; readonly id: number; readonly request: Uint8Array }
  | { readonly type: 'close' };

/** From a relay thread. */
export type FromRelay =
  | { readonly type: 'ready' }
  | { readonly type: 'reply'; readonly id: number; readonly reply: Uint8Array }
  | { readonly type: 'ended'; readonly call: string }
  | { readonly type: 'notify'; readonly event: NgDictionary }
  | LogMessage
  | { readonly type: 'closed' };

/** What the control thread is started with. */
export type ControlThreadOptions = {
  readonly engine: MediaEngineOptions;
  /** A `CallLedger`'s. */
  readonly calls: SharedArrayBuffer;
};

/** What the control thread tells the thread that started it. */
export type FromControl =
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  | { readonly type: 'failed'; readonly reason: string; readonly code: string | undefined }
  | LogMessage;

/** A line of a thread's log, to be written by the thread that has the logger. */
export type LogMessage = {
  readonly type: 'log';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string | undefined;
};
