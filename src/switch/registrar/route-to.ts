import type { Binding } from '../../stores/index.ts';
import { uriParts } from './header-values.ts';

/** `uri` is the Request-URI; `proxy`, when there is one, is where the request is sent instead of to that URI. */
export type Route = {
  readonly uri: string;
  readonly proxy?: string;
  /** Route values that the request has to carry, the first one naming `proxy`. */
  readonly path?: readonly string[];
};

const hostOf = (address: string) => (address.includes(':') ? `[${address}]` : address);

/**
 * The way to a binding. A request goes back over the flow that the phone registered on, whatever its Contact says: behind
 * a NAT that is the only address that works, and on a connection the only way at all (RFC 5626 §5.3, RFC 7118 §5).
 * With a Path, the first hop of it knows the way (RFC 3327 §5.1).
 */
export function routeTo(binding: Pick<Binding, 'contact' | 'flow' | 'path'>): Route {
  const { contact: uri, flow, path } = binding;
  const hop = path[0] === undefined ? undefined : (/<([^>]+)>/.exec(path[0])?.[1] ?? path[0]);
  if (hop !== undefined) return { uri, proxy: hop, path };
  const source = `sip:${hostOf(flow.address)}:${flow.port}`;
  if (flow.protocol !== 'udp') return { uri, proxy: `${source};transport=${flow.protocol}` };
  return reaches(uri, flow.address, flow.port) ? { uri } : { uri, proxy: source };
}

function reaches(uri: string, address: string, port: number): boolean {
  const parts = uriParts(uri);
  const stated = /^sip:(?:[^@]*@)?(?:\[[^\]]*\]|[^:;?]*):(\d+)/i.exec(uri)?.[1];
  return parts?.host === hostOf(address) && Number(stated ?? 5060) === port;
}
