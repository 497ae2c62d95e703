import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { SocketAddress } from './types.ts';

/** 4 or 6 for an IP address in text form (no brackets), 0 for anything else. */
export const addressFamily = (text: string): 0 | 4 | 6 => isIP(text) as 0 | 4 | 6;

/** An IPv4-mapped IPv6 address as IPv4; anything else as it is. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;

export const isWildcard = (address: string): boolean =>
  address === '0.0.0.0' || address === '::' || address === '*' || address === '';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export const isLoopback = (address: string): boolean =>
  isIP(address) !== 0 && loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** `host:port`, an IPv6 host in brackets. */
export const hostPort = ({ address, port }: SocketAddress): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** The bytes of an IP address: 4 or 16 of them; undefined for other text. */
export const addressBytes = (address: string): Uint8Array | undefined => {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const bare = address.split('%')[0] ?? '';
  if (!isIPv6(bare)) return undefined;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  const text = dotted ? dotted[1] + hexPair(dotted[2] ?? '') : bare;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return Uint8Array.from([...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]));
};

const hexPair = (dotted: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
};

/** One address of this machine and the length of its network's prefix in bits. */
export type LocalAddress = { readonly address: string; readonly prefix: number };

/** The addresses of this machine, loopback included; link-local IPv6 ones are left out (they need a zone). */
export const localAddresses = (): readonly LocalAddress[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.address.toLowerCase().startsWith('fe80:'))
    .map((entry) => ({ address: entry.address, prefix: Number(entry.cidr?.split('/')[1] ?? 0) }));
