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
};

const says = (uri: SipUri, detection: NatDetection): boolean =>
  detection === 'aggressive' && uri.parameters.get('nat') === 'yes';

const isElsewhere = ({ host, port }: SipUri, { remote }: Flow, withPort: boolean): boolean =>
  host.toLowerCase() !== remote.address.toLowerCase() || (withPort && (port ?? 5060) !== remote.port);

/**
 * Whether requests in a dialog must go where its packets come from and not where its Contact says: as the called side
 * when there is no Record-Route and Contact names another address or port.
 */
export const callerIsBehindNat = (peer: Peer, detection: NatDetection): boolean => {
  const uri = parseUri(peer.target);
  if (detection === 'off' || uri === undefined || peer.flow.protocol !== 'udp') return false;
  if (says(uri, detection)) return true;
  return peer.routeSet.length === 0 && isElsewhere(uri, peer.flow, true);
};

/** The same as the calling side: no route and another address, or a first route that is private when its sender is not. */
export const calleeIsBehindNat = (peer: Peer, detection: NatDetection): boolean => {
  const uri = parseUri(peer.target);
  if (detection === 'off' || uri === undefined || peer.flow.protocol !== 'udp') return false;
  if (says(uri, detection)) return true;
  const [first] = peer.routeSet;
  if (first === undefined) return isElsewhere(uri, peer.flow, false);
  const route = parseUri(/<([^>]+)>/.exec(first)?.[1] ?? first);
  return route !== undefined && isPrivate(route.host) && route.host !== peer.flow.remote.address;
};
