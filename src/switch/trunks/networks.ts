/** An IP address as a number of so many bits. */
type Numeric = { readonly value: bigint; readonly bits: 32 | 128 };

/** A network, or one address, with the port it counts from. */
export type Network = Numeric & { readonly prefix: number; readonly port?: number };

function ipv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

/** The sixteen-bit groups of one side of a `::`. */
function groups(text: string): readonly bigint[] | undefined {
  if (text === '') return [];
  const found: bigint[] = [];
  for (const part of text.split(':')) {
    const dotted = part.includes('.') ? ipv4(part) : undefined;
    if (dotted !== undefined) found.push(dotted >> 16n, dotted & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) found.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return found;
}

function ipv6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (!text.includes(':') || sides.length > 2) return undefined;
  const head = groups(sides[0] ?? '');
  const tail = sides.length === 2 ? groups(sides[1] ?? '') : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return all.reduce((sum, group) => (sum << 16n) | group, 0n);
}

/** An IP address in text; an IPv4 address within an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address. */
export function readAddress(text: string): Numeric | undefined {
  const four = ipv4(text);
  if (four !== undefined) return { value: four, bits: 32 };
  const six = ipv6(text.split('%')[0] ?? '');
  if (six === undefined) return undefined;
  return six >> 32n === 0xffffn ? { value: six & 0xffff_ffffn, bits: 32 } : { value: six, bits: 128 };
}

/** An address or network in text, apart from its port. */
function parts(text: string): { readonly host: string; readonly length?: string; readonly port?: number } {
  const [, six, four, port] = /^(?:\[([^\]]*)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const [host = '', length] = (six ?? four ?? text).split('/');
  return {
    host,
    ...(length === undefined ? {} : { length }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

/** `192.0.2.1`, `192.0.2.0/24`, `192.0.2.1:5060`, `2001:db8::/32`, `[2001:db8::1]:5060`; undefined for a name. */
export function readNetwork(text: string): Network | undefined {
  const { host, length, port } = parts(text);
  const address = readAddress(host);
  if (address === undefined || !/^\d*$/.test(length ?? '')) return undefined;
  const prefix = length === undefined ? address.bits : Number(length);
  return prefix > address.bits ? undefined : { ...address, prefix, ...(port === undefined ? {} : { port }) };
}

export function contains(network: Network, { value, bits }: Numeric, port: number): boolean {
  if (network.bits !== bits || (network.port !== undefined && network.port !== port)) return false;
  const shift = BigInt(bits - network.prefix);
  return network.value >> shift === value >> shift;
}
