/** A configuration that was read, completed with defaults, checked and frozen. The words are those of `config/schema.json`. */
export type Config = {
  readonly domain: string;
  readonly domainAliases: readonly string[];
  /** Absolute. */
  readonly data: string;
  readonly signaling: SignalingConfig;
  readonly media: MediaConfig;
  readonly http: HttpConfig;
  readonly users: readonly UserConfig[];
  readonly groups: readonly GroupConfig[];
  readonly trunks: readonly TrunkConfig[];
  readonly ring: { readonly seconds: number; readonly memberSeconds: number };
  readonly emergencyNumbers: readonly string[];
  readonly features: FeaturesConfig;
  readonly routing: {
    readonly maxSteps: number;
    readonly maxSeconds: number;
    readonly mailboxFallback: string;
    readonly announcements: string;
    /** `host`, or `host:port`. */
    readonly hosts: readonly string[];
  };
  readonly voicemail: {
    readonly greeting: string;
    readonly maxSeconds: number;
    readonly silenceSeconds: number;
    readonly leastSeconds: number;
    readonly messages: number;
  };
  readonly registrar: RegistrarConfig;
  readonly limits: LimitsConfig;
  /** `days` 0 keeps them for ever. */
  readonly store: { readonly engine: 'sqlite' | 'postgresql'; readonly url?: string };
  readonly records: { readonly days: number };
  readonly shutdown: { readonly drainSeconds: number };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
    readonly numbers: boolean;
    readonly sdp: boolean;
  };
};

type HttpConfig = {
  readonly listen: string;
  readonly adminToken?: string;
  readonly supervisorToken?: string;
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  readonly failures: number;
  readonly sessionHours: number;
};

type SignalingConfig = {
  readonly engine: 'embedded' | 'drachtio';
  readonly listen?: readonly string[];
  readonly external?: { readonly address: string; readonly port?: number };
  /** Absolute paths of PEM files. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  readonly host?: string;
  readonly port: number;
  readonly secret?: string;
  readonly sessionTimers: { readonly minimum: number; readonly defaultRefresher: 'none' | 'uac' | 'uas' };
  readonly limits: {
    readonly messageBytes: number;
    readonly headers: number;
    readonly connections: number;
    readonly connectionsPerSource: number;
    readonly idleSeconds: number;
  };
  readonly timers: { readonly t1: number; readonly t2: number; readonly t4: number };
};

type MediaNodeConfig = {
  readonly address: string;
  readonly weight?: number;
  readonly drain?: boolean;
};

type MediaConfig = {
  readonly engine: 'embedded' | 'rtpengine';
  readonly address?: string;
  readonly external?: string;
  readonly ports: readonly [number, number];
  readonly threads: number;
  readonly io: 'auto' | 'node';
  readonly nodes?: readonly (string | MediaNodeConfig)[];
  readonly spool?: string;
  readonly dtmfLog?: string;
};

export type DeviceConfig = {
  readonly extension: string;
  readonly name: string;
  readonly kind: 'desk' | 'mobile' | 'desktop' | 'browser' | 'gateway' | 'other';
  readonly trusted: boolean;
  readonly username?: string;
  readonly password: string;
};

export type UserConfig = {
  readonly extension: string;
  readonly name: string;
  readonly number?: string;
  readonly pin?: string;
  readonly callCodes?: boolean;
  readonly mayGrab?: boolean;
  readonly record?: boolean;
  readonly role?: 'user' | 'supervisor';
  readonly password?: string;
  readonly devices: readonly DeviceConfig[];
};

type GroupConfig = {
  readonly extension: string;
  readonly name: string;
  readonly ring: 'all' | 'order';
  readonly members: readonly string[];
  readonly memberSeconds?: number;
};

type TrunkConfig = {
  readonly name: string;
  readonly host: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly register: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly more?: readonly string[];
  readonly carrierDomain?: string;
  readonly registerSeconds?: number;
  readonly country?: string;
  readonly dial?: NumberForm;
  readonly callerId?: {
    readonly form?: NumberForm;
    readonly in?: readonly ('from' | 'p-asserted-identity' | 'p-preferred-identity' | 'remote-party-id')[];
    readonly number?: string;
    readonly foreign?: boolean;
  };
  readonly inbound?: {
    readonly sources?: readonly string[];
    readonly username?: string;
    readonly password?: string;
    readonly number?: 'auto' | 'request-uri' | 'to' | 'p-called-party-id';
    readonly extensions?: boolean;
  };
  readonly routes?: readonly {
    readonly pattern: string;
    readonly strip?: number;
    readonly prepend?: string;
    readonly order?: number;
    readonly weight?: number;
  }[];
  readonly pingSeconds?: number;
  readonly restSeconds?: number;
  readonly patienceSeconds?: number;
  readonly numbers: Readonly<Record<string, string>>;
};

type NumberForm = 'e164' | 'digits' | 'national' | 'as-is';

type Hears = 'conversation' | 'ringback';

type FeaturesConfig = {
  readonly codes: Readonly<
    Record<
      | 'pull'
      | 'push'
      | 'grab'
      | 'thisDeviceOnly'
      | 'thatDeviceOnly'
      | 'allDevices'
      | 'profile'
      | 'doNotDisturb'
      | 'disturb',
      readonly string[]
    >
  >;
  readonly push: {
    readonly ringSeconds: number;
    readonly dialSeconds: number;
    readonly callerHears: { readonly ownDevice: Hears; readonly others: Hears };
    readonly autoAnswer: boolean;
  };
  readonly hold: { readonly music: string };
  readonly coldRoute: { readonly reminder: string };
  readonly rescue: { readonly seconds: number };
  readonly confirm: { readonly seconds: number; readonly prompt: string };
  readonly starSeconds: number;
};

type RegistrarConfig = {
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  readonly maxContacts: number;
  readonly bindingsPerDevice: number;
  readonly bindings: number;
  readonly algorithms: readonly ('SHA-256' | 'MD5')[];
  readonly md5Agents: readonly string[];
  readonly withoutQop: boolean;
  readonly nonceSeconds: number;
  readonly pingSeconds: number;
};

type LimitsConfig = {
  readonly failuresPerSource: number;
  readonly failureSeconds: number;
  readonly banSeconds: number;
  readonly unauthenticatedPerSecond: number;
  readonly unauthenticatedBurst: number;
  readonly sources: number;
  readonly callsPerSecond: number;
  readonly callBurst: number;
  readonly calls: number;
  readonly callsPerUser: number;
};
