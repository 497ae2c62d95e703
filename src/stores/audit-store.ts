import type { Page } from './records-store.ts';

/** One change: who made it, from where, what was there before and what is there now; never a secret. */
export type AuditEntry = {
  readonly id: string;
  readonly domain: string;
  /** Wall-clock milliseconds. */
  readonly at: number;
  /** `administrator`, `user 100`, the device that dialled a code, `device 1001`, or `configuration`, the file. */
  readonly who: string;
  /** The address it came from; `phone` for a dialled code, `file` for the configuration. */
  readonly from: string;
  readonly action: 'create' | 'change' | 'remove' | 'flip' | 'cancel' | 'end' | 'log in' | 'log out';
  /** What was changed, as its path in the API: `users/100`. */
  readonly what: string;
  readonly before?: unknown;
  readonly after?: unknown;
};

export type AuditQuery = {
  readonly domain: string;
  readonly who?: string;
  /** A path or its beginning: `users/100` finds `users/100/cold-route` too. */
  readonly what?: string;
  readonly since?: number;
  readonly until?: number;
  readonly after?: string;
  readonly limit: number;
};

/** What was changed and by whom. Entries are added and read, never changed or removed. */
export interface AuditStore {
  /** All or none; an entry that is there already stays as it is. */
  append(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first. */
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
  close(): Promise<void>;
}
