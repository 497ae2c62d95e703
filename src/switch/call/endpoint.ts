import type { Binding, Device, Trunk, User } from '../../stores/index.ts';

/** Who is at the far side of a leg. */
export type Endpoint =
  | {
      readonly kind: 'device';
      readonly user: User;
      readonly device: Device;
      readonly binding?: Binding | undefined;
    }
  | { readonly kind: 'trunk'; readonly trunk: Trunk; readonly number: string; readonly name: string }
  /** The switch itself, in somebody's name: a mailbox. */
  | { readonly kind: 'terminal'; readonly user: User; readonly name: string };

/** Who a party is to the other one: the person or number, never the device. */
export type Identity = {
  readonly number: string;
  readonly name: string;
  readonly domain: string;
  /** Asked for by Privacy (RFC 3323) or on behalf of a caller that withheld its number. */
  readonly withheld: boolean;
};

/** Who talks there: nobody at a mailbox, whoever it is of. */
export const userOf = (endpoint: Endpoint): User | undefined =>
  endpoint.kind === 'device' ? endpoint.user : undefined;

/** What tells people which phone or carrier it is: an extension, or the name of a trunk. */
export const nameOf = (endpoint: Endpoint): string => {
  if (endpoint.kind === 'device') return endpoint.device.extension;
  return endpoint.kind === 'trunk' ? endpoint.trunk.name : endpoint.name;
};

export function identityOf(endpoint: Endpoint, withheld = false): Identity {
  if (endpoint.kind === 'trunk')
    return { number: endpoint.number, name: endpoint.name, domain: endpoint.trunk.domain, withheld };
  const { user } = endpoint;
  return { number: user.extension, name: user.name, domain: user.domain, withheld };
}

/** What tells one device from another: a phone on its user's credentials has an id made of its registration. */
export const sameDevice = (a: Endpoint, b: Endpoint): boolean =>
  a.kind === 'device' && b.kind === 'device'
    ? a.device.id === b.device.id
    : a.kind === 'trunk' && b.kind === 'trunk' && a.trunk.id === b.trunk.id;

/** The address family that an endpoint is reached in; unknown behind a proxy of its own. */
export function familyAt(endpoint: Endpoint): 'IP4' | 'IP6' | undefined {
  if (endpoint.kind === 'terminal') return undefined;
  if (endpoint.kind === 'device' && (endpoint.binding?.path.length ?? 1) > 0) return undefined;
  const host = endpoint.kind === 'trunk' ? endpoint.trunk.host : (endpoint.binding?.flow.address ?? '');
  if (host.includes(':')) return host.includes('.') ? 'IP4' : 'IP6';
  return /^[\d.]+$/.test(host) ? 'IP4' : undefined;
}
