import type Srf from 'drachtio-srf';

/**
 * What is used of drachtio-srf 5.0.29, as it is: its own declarations leave out promises, callbacks and headers that
 * its code has.
 */
export interface SrfMessage {
  readonly body?: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  get(header: string): string | undefined;
  has(header: string): boolean;
}

export interface SrfRequest extends SrfMessage {
  readonly method: string;
  readonly uri: string;
  readonly source: 'network' | 'application';
  /** When the stack received it: `HH:MM:SS.uuuuuu` by its clock. */
  readonly stackTime: string;
  /** The connection to the engine. */
  readonly socket: object;
  on(event: 'cancel', action: (cancel: SrfMessage) => void): void;
  on(event: 'update', action: (update: SrfRequest, res: SrfResponse) => void): void;
  on(event: 'response', action: (res: SrfResponse) => void): void;
  cancel(options: { headers?: Record<string, string> }, done: (error?: unknown) => void): void;
  removeAllListeners(): void;
}

export interface SrfResponse extends SrfMessage {
  readonly status: number;
  readonly reason: string;
  /** The reason phrase, when given, comes before the options. */
  send(status: number, ...rest: [options?: object] | [reason: string, options: object]): void;
}

export interface SrfDialog {
  readonly type: 'uac' | 'uas';
  /** The INVITE, and the answer to it. */
  req: SrfRequest | undefined;
  res: SrfResponse | undefined;
  sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  local: { sdp: string; readonly contact?: string };
  remote: { readonly uri: string; sdp: string };
  /** By what the engine knows it: of `res`. */
  readonly id: string;
  /** Who keeps it, by its id. */
  readonly srf: { addDialog(dialog: SrfDialog): void; removeDialog(dialog: SrfDialog): void };
  readonly connected: boolean;
  on(event: 'destroy', action: (bye: SrfRequest, reason?: string) => void): void;
  on(event: 'ack', action: (ack: SrfRequest) => void): void;
  on(
    event:
      'modify' | 'update' | 'info' | 'message' | 'refer' | 'notify' | 'options' | 'publish' | 'subscribe',
    action: (req: SrfRequest, res: SrfResponse) => void,
  ): void;
  destroy(options: { headers: Record<string, string> }, done: (error?: unknown) => void): void;
  request(
    options: { method: string; headers?: Record<string, string>; body?: string },
    done: (error: unknown, res?: SrfResponse) => void,
  ): void;
}

export interface SrfClient {
  createUAC(
    uri: string,
    options: {
      headers: Record<string, string>;
      localSdp: string;
      proxy?: string;
      auth?: { username: string; password: string };
    },
    progress: {
      cbRequest: (error: unknown, req?: SrfRequest) => void;
      cbProvisional: (res: SrfResponse) => void;
    },
    done: (error: unknown, dialog?: SrfDialog) => void,
  ): void;
  createUAS(
    req: SrfRequest,
    res: SrfResponse,
    options: { headers: Record<string, string>; localSdp: string },
    done: (error: unknown, dialog?: SrfDialog) => void,
  ): void;
  request(
    uri: string,
    options: { method: string; headers?: Record<string, string>; body?: string; proxy?: string },
    sent: (error: unknown, req?: SrfRequest) => void,
  ): void;
  use(method: string, handler: (req: SrfRequest, res: SrfResponse) => void): void;
}

/** drachtio-srf's object by what it really does. */
export const asClient = (srf: Srf): SrfClient => srf as unknown as SrfClient;
