import type { Emitter } from '../base/index.ts';

export type FlowProtocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** Where a request came from: the way back to a phone behind a NAT or on a connection of its own. */
export type Flow = { readonly protocol: FlowProtocol; readonly address: string; readonly port: number };

/** One registration of a device (RFC 3261 §10). Times are wall-clock milliseconds. */
export type Binding = {
  /** Stable over refreshes. */
  readonly id: string;
  readonly domain: string;
  /** The extension it was registered as: the user's (`100`) or the device's own (`1001`). */
  readonly aor: string;
  readonly userId: string;
  readonly deviceId: string;
  /** The Contact URI as the phone gave it, without brackets and header parameters. */
  readonly contact: string;
  readonly flow: Flow;
  /** Path header values, first hop first (RFC 3327). */
  readonly path: readonly string[];
  /** `+sip.instance` without brackets and quotes, and `reg-id` (RFC 5626). */
  readonly instance?: string;
  readonly regId?: number;
  /** 0 to 1; higher is preferred. */
  readonly q: number;
  readonly userAgent?: string;
  readonly callId: string;
  readonly cseq: number;
  readonly registeredAt: number;
  readonly refreshedAt: number;
  readonly expiresAt: number;
};

/** One Contact of a REGISTER; `seconds` 0 removes it. */
export type ContactChange = {
  readonly uri: string;
  readonly instance?: string;
  readonly regId?: number;
  readonly q: number;
  readonly seconds: number;
};

/** One REGISTER, to be carried out as a whole or not at all (RFC 3261 §10.3 step 7). */
export type Registration = {
  readonly domain: string;
  readonly aor: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly flow: Flow;
  readonly path: readonly string[];
  readonly userAgent?: string;
  readonly callId: string;
  readonly cseq: number;
  /** `'all'` is `Contact: *` with `Expires: 0`. */
  readonly contacts: readonly ContactChange[] | 'all';
};

export type RemovalReason =
  'unregistered' | 'expired' | 'flow closed' | 'replaced' | 'failed' | 'administrative';

export type BindingEvents = {
  added: Binding;
  refreshed: { readonly binding: Binding; readonly before: Binding };
  removed: { readonly binding: Binding; readonly reason: RemovalReason };
};

/** `stale`: a newer REGISTER of the same Call-ID was there before. `full`: the whole table is. */
export type RegisterOutcome =
  | { readonly kind: 'ok'; readonly bindings: readonly Binding[] }
  | { readonly kind: 'stale' }
  | { readonly kind: 'full' };

export type BindingLimits = {
  /** One more than this of one device pushes out that device's oldest: a phone that reboots is never locked out. */
  readonly perDevice: number;
  /** One more than this in the whole table is refused. */
  readonly total: number;
};

/**
 * Which device can be reached where. Look-ups are synchronous and never show an expired binding; lists are ordered by
 * q, then newest first. Expiry removes by itself, and every change is an event.
 */
export interface BindingStore {
  readonly events: Emitter<BindingEvents>;
  register(registration: Registration): Promise<RegisterOutcome>;
  remove(id: string, reason: RemovalReason): Promise<boolean>;
  /** Removes what was registered over a connection that is gone; yields how many. */
  removeFlow(flow: Flow): Promise<number>;
  removeDevice(deviceId: string): Promise<number>;
  get(id: string): Binding | undefined;
  ofAor(domain: string, aor: string): readonly Binding[];
  ofDevice(deviceId: string): readonly Binding[];
  ofUser(userId: string): readonly Binding[];
  ofFlow(flow: Flow): readonly Binding[];
  all(): readonly Binding[];
  readonly size: number;
  /** Stops the expiry timers; nothing is removed. */
  close(): void;
}

/** Where bindings are written down, so that they outlive the process. Must not throw. */
export interface BindingJournal {
  put(id: string, binding: Binding): void;
  remove(id: string): void;
  /** Resolves when what was said so far is safe, or cannot be made so for now. */
  written(): Promise<void>;
}
