import type { Credentials } from './credentials.ts';

/** One address of a trunk. Without a port it is found by DNS (RFC 3263 §4), else it is 5060, or 5061 for TLS. */
export type Gateway = { readonly host: string; readonly port?: number };

/** How a number is written: `+4930123456`, `4930123456`, `030123456`, or as it was given. */
export type NumberForm = 'e164' | 'digits' | 'national' | 'as-is';

/** Where the number of a caller is written: From, and the headers of RFC 3325 §9 and its older relative. */
export type CallerIdHeader = 'from' | 'p-asserted-identity' | 'p-preferred-identity' | 'remote-party-id';

/** How callers are shown to the carrier. What is left out is as `trunkDefaults` says. */
export type TrunkCallerId = {
  readonly form?: NumberForm;
  /** In From the user name stands instead when `from` is not among them. */
  readonly in?: readonly CallerIdHeader[];
  /** The trunk's main number: shown for who has none of their own. */
  readonly number?: string;
  /** Whether numbers that are not the trunk's own may be shown: those of callers who are forwarded. */
  readonly foreign?: boolean;
};

/** What comes in from the carrier. */
export type TrunkInbound = {
  /**
   * Where its calls come from: addresses, networks (`192.0.2.0/24`), `address:port`, names. The gateways themselves
   * when absent; a gateway that is given with its port then counts from that port alone.
   */
  readonly sources?: readonly string[];
  /** The carrier must prove who it is with these. */
  readonly credentials?: Credentials;
  /** Where the called number is read: `auto` takes the request's URI, and elsewhere where that names the account. */
  readonly number?: 'auto' | 'request-uri' | 'to' | 'p-called-party-id';
  /** Whether extensions can be called directly, as another site's telephone system does. */
  readonly extensions?: boolean;
};

/** Numbers that go out over a trunk. The longest pattern that fits counts, then `order`, then the dice by `weight`. */
export type TrunkRoute = {
  /** Digits with `X` for any one of them and a `*` for whatever follows: `+49*`, `0*`, `1XX`. */
  readonly pattern: string;
  /** Digits that are taken away in front, and what is put there. */
  readonly strip?: number;
  readonly prepend?: string;
  readonly order?: number;
  readonly weight?: number;
};

/** A gateway to the telephone network. `password` is sent to it, so it is kept as it is; never log it. */
export type Trunk = Gateway & {
  readonly id: string;
  readonly domain: string;
  readonly name: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly register: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Further gateways, tried in this order when the first cannot take a call. */
  readonly more?: readonly Gateway[];
  /** The carrier's SIP domain, where it is not the name of its gateway. */
  readonly carrierDomain?: string;
  /** How long a registration is asked for. */
  readonly registerSeconds?: number;
  /** ISO 3166: numbers without a country code are read in that country's plan. */
  readonly country?: string;
  /** How called numbers are written. */
  readonly dial?: NumberForm;
  readonly callerId?: TrunkCallerId;
  readonly inbound?: TrunkInbound;
  /** Which numbers go out here; all when absent, none when empty. */
  readonly routes?: readonly TrunkRoute[];
  /** How often a gateway is asked by OPTIONS whether it is there; 0 never. */
  readonly pingSeconds?: number;
  /** How long a gateway that failed is asked last. */
  readonly restSeconds?: number;
  /** How long a gateway may say nothing of a call before the next one is tried. */
  readonly patienceSeconds?: number;
};

/** What is left out of a trunk. */
export const trunkDefaults = Object.freeze({
  registerSeconds: 600,
  dial: 'as-is',
  pingSeconds: 0,
  restSeconds: 30,
  patienceSeconds: 10,
  callerId: Object.freeze({
    form: 'e164',
    in: Object.freeze(['from', 'p-asserted-identity'] as const),
    foreign: false,
  }),
  inbound: Object.freeze({ number: 'auto', extensions: false }),
} as const);
