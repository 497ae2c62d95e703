import { SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import { addressBytes } from '../address.ts';

/*
 * struct sockaddr_in: family, port in network order, address: 16 octets. struct sockaddr_in6: family, port, flow,
 * address, scope: 28 octets. The family is in the order of the machine, the scope as well; both machines that Node runs
 * io_uring on are little-endian.
 */
export const FAMILY_4 = 2;
export const FAMILY_6 = 10;
export const LENGTH_4 = 16;
export const LENGTH_6 = 28;
const PORT = 2;
const ADDRESS_4 = 4;
const ADDRESS_6 = 8;
const SCOPE = 24;

/** As the kernel takes it. Undefined for what is no numeric address. */
export const encodeAddress = (address: string, port: number): Uint8Array | undefined => {
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  const four = bytes.length === 4;
  const encoded = new Uint8Array(four ? LENGTH_4 : LENGTH_6);
  const view = new DataView(encoded.buffer);
  view.setUint16(0, four ? FAMILY_4 : FAMILY_6, true);
  view.setUint16(PORT, port);
  encoded.set(bytes, four ? ADDRESS_4 : ADDRESS_6);
  if (!four) view.setUint32(SCOPE, scopeOf(address), true);
  return encoded;
};

/** From what the kernel gives, in the text form in which `node:dgram` gives it. */
export const decodeAddress = (encoded: Uint8Array): { address: string; port: number } => {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const port = view.getUint16(PORT);
  if (view.getUint16(0, true) === FAMILY_4)
    return { address: encoded.subarray(ADDRESS_4, ADDRESS_4 + 4).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(ADDRESS_6 + 2 * i).toString(16));
  const { address } = new SocketAddress({ family: 'ipv6', address: groups.join(':') });
  const scope = view.getUint32(SCOPE, true);
  return { address: scope === 0 ? address : `${address}%${scopeName(scope)}`, port };
};

const interfaces = () =>
  Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map((entry) => ({ name, entry })),
  );

/** Of a link-local address: the number of the interface named behind the percent sign (RFC 4007 §11). */
const scopeOf = (address: string): number => {
  const zone = address.split('%')[1];
  if (zone === undefined) return 0;
  const found = interfaces().find(
    ({ name, entry }) => name === zone && entry.scopeid !== undefined && entry.scopeid > 0,
  );
  return found?.entry.scopeid ?? Number(zone) >>> 0;
};

const scopeName = (scope: number): string =>
  interfaces().find(({ entry }) => entry.scopeid === scope)?.name ?? String(scope);
