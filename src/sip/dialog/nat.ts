import { parseUri, type SipUri } from '../message/index.ts';
import type { Flow } from '../transport/types.ts';

const privateV4 =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|169\.254\.)/;

/** Addresses that mean something only at their own place (RFC 1918, RFC 6598, RFC 3927; RFC 4193 for IPv6). */
export const isPrivate = (host: string): boolean => privateV4.test(host) || /^f[cd][0-9a-f]{2}:/i.test(host);

export type NatDetection = 'off' | 'on' | 'aggressive';

type Peer = {
  /** The URI of its Contact. */
  readonly target: string;
  readonly routeSet: readonly string[];
  readonly flow: Flow;
  /** No proxy stands between: its packets come from where it is. */
  readonly direct: boolean;
};

const isElsewhere = ({ host, port }: SipUri, { remote }: Flow): boolean =>
  host.toLowerCase() !== remote.address.toLowerCase() || (port ?? 5060) !== remote.port;

/** A private address behind a public one. */
const isHidden = (host: string, { remote }: Flow): boolean => isPrivate(host) && !isPrivate(remote.address);

/**
 * Whether requests in a dialog must go where the peer's packets come from and not where its Contact says. Over UDP, and
 * when no Record-Route says otherwise: a direct peer whose Contact names another address or port, and any whose Contact
 * is private when its packets are not. A private first route of a public sender counts like such a Contact.
 */
export const isBehindNat = (peer: Peer, detection: NatDetection): boolean => {
  const { target, routeSet, flow, direct } = peer;
  const uri = parseUri(target);
  if (detection === 'off' || uri === undefined || flow.protocol !== 'udp') return false;
  if (detection === 'aggressive' && uri.parameters.get('nat') === 'yes') return true;
  const [first] = routeSet;
  if (first !== undefined) {
    const route = parseUri(/<([^>]+)>/.exec(first)?.[1] ?? first);
    return route !== undefined && isHidden(route.host, flow);
  }
  return isHidden(uri.host, flow) || (direct && isElsewhere(uri, flow));
};
