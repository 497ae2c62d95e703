import type { Logger } from '../base/index.ts';

export type EngineProtocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** One SIP listening endpoint. Port 0 lets the system choose; `external` is what peers are told instead of `address`. */
export type ListenEndpoint = {
  readonly protocol: EngineProtocol;
  readonly address: string;
  readonly port: number;
  readonly external?: { readonly address: string; readonly port?: number };
};

/** PEM texts. */
export type TlsKeys = { readonly key: string; readonly cert: string };

/** Requests from a known spammer's tool are declined (603) before an application sees them. */
export type SpammerFilter = {
  readonly header: 'user-agent' | 'from' | 'to';
  /** Matched as a part of the User-Agent value, or of the user part of From or To. */
  readonly values: readonly string[];
};

/** Where a request outside dialogs goes instead of a subscribed application: `http(s)://`, `tcp://host:port`. */
export type RequestHandler = {
  /** A SIP method or `*`. */
  readonly method: string;
  readonly url: string;
  readonly httpMethod?: 'GET' | 'POST';
};

type SessionTimerOptions = {
  /** Seconds (RFC 4028 §5); 90 when not given. */
  readonly minimum?: number;
  /** Who refreshes when neither side said it; `none` leaves such a call without a timer. */
  readonly defaultRefresher?: 'none' | 'uac' | 'uas';
};

/** Milliseconds; what is not given keeps RFC 3261's value. */
type EngineTimers = {
  readonly t1?: number;
  readonly t2?: number;
  readonly t4?: number;
  readonly c?: number;
  readonly d?: number;
};

type EngineLimits = {
  readonly maxMessageBytes?: number;
  readonly maxHeaders?: number;
  readonly maxConnections?: number;
  readonly maxConnectionsPerSource?: number;
  readonly idleConnectionMs?: number;
  /** Requests that wait for an application's answer at the same time; more are answered 503. */
  readonly maxPendingRequests?: number;
  /**
   * Milliseconds that everything an application answers at once may be late before new INVITEs are kept from it (503 with
   * Retry-After); 250, and 0 keeps none.
   */
  readonly applicationLateMs?: number;
  /** Bytes that may wait for an application that does not read; more closes its connection. */
  readonly maxAdminBacklogBytes?: number;
};

/** Plain data, so that it can cross into the engine's thread. */
export type EngineSettings = {
  /** `udp:127.0.0.1:5060`, `tls:[::1]:5061`, or the same as an object. At least one. */
  readonly listen: readonly (string | ListenEndpoint)[];
  /** Where applications connect: 127.0.0.1 and a free port unless given. */
  readonly admin: {
    readonly host?: string;
    readonly port?: number;
    readonly secret: string;
    readonly tls?: TlsKeys;
  };
  /** Needed for tls and wss endpoints. */
  readonly tls?: TlsKeys & { readonly ca?: string };
  readonly timers?: EngineTimers;
  readonly limits?: EngineLimits;
  readonly sessionTimers?: SessionTimerOptions;
  readonly spammers?: readonly SpammerFilter[];
  /** OPTIONS whose User-Agent is exactly this are answered 200 by the engine. */
  readonly optionsAutoRespond?: string;
  /** Next hop of requests for which the application names none. */
  readonly outboundProxy?: string;
  readonly requestHandlers?: readonly RequestHandler[];
  /** Sends `cdr:attempt`, `cdr:start`, `cdr:stop` to the applications that subscribed to them. */
  readonly cdrs?: boolean;
  /** Names and their IP addresses that are answered before DNS is asked, like a hosts file. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** How long an application that disconnected may take to come back before its calls are ended; 5,000. */
  readonly applicationGraceMs?: number;
  /** How long an application may leave a request unanswered: INVITE 480, others 500 (408 in the log); 64,000. */
  readonly pendingRequestMs?: number;
};

export type SignalingEngineOptions = EngineSettings & {
  /** Gets the engine's log records; silent when absent. */
  readonly logger?: Logger;
  /** Called when the engine's thread ends though nobody closed it. */
  readonly onExit?: (reason: Error) => void;
};

/** Counters since the start, and what is alive now. */
export type EngineStats = {
  readonly applications: number;
  readonly dialogs: number;
  readonly pendingRequests: number;
  readonly requestsIn: number;
  readonly requestsOut: number;
  readonly responsesIn: number;
  readonly responsesOut: number;
  readonly flows: number;
  /** INVITEs answered 503 because the engine or their application did not keep up. */
  readonly invitesShed: number;
  /** REGISTERs answered 503 for the same reason. */
  readonly registersShed: number;
};

export type ListeningAddress = {
  readonly protocol: EngineProtocol;
  readonly address: string;
  readonly port: number;
};

/** A running engine. `admin` is what drachtio-srf's `connect` takes, besides the secret. */
export interface SignalingEngine {
  readonly listeners: readonly ListeningAddress[];
  readonly admin: { readonly host: string; readonly port: number };
  stats(): Promise<EngineStats>;
  /** Everything alive: transports, transactions, dialogs, applications. */
  describe(): Promise<object>;
  /** Closes sockets and ends the thread. Calls are not ended; the application does that before. */
  close(): Promise<void>;
}
