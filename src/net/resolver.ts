import { Resolver as SystemResolver, lookup } from 'node:dns/promises';

export type ServiceRecord = {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
};

/** A NAPTR record (RFC 3403). */
export type NamingRecord = {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
};

/**
 * DNS as far as SIP needs it (RFC 3263). A name without such records yields an empty list; a promise rejects when no
 * answer could be had.
 */
export interface Resolver {
  naming(name: string): Promise<readonly NamingRecord[]>;
  services(name: string): Promise<readonly ServiceRecord[]>;
  addresses(name: string, family: 4 | 6): Promise<readonly string[]>;
}

const absent = new Set(['ENODATA', 'ENOTFOUND', 'EBADNAME', 'EAI_NODATA', 'EAI_NONAME', 'EAI_ADDRFAMILY']);

const noneIfAbsent = (error: unknown): [] => {
  if (absent.has((error as NodeJS.ErrnoException).code ?? '')) return [];
  throw error;
};

/** The machine's name servers, and for addresses its hosts file where these know nothing. */
export const systemResolver = (timeoutMs = 2_000): Resolver => {
  const dns = new SystemResolver({ timeout: timeoutMs, tries: 2 });
  const hosts = async (name: string, family: 4 | 6): Promise<string[]> =>
    (await lookup(name, { family, all: true }).catch(noneIfAbsent)).map(({ address }) => address);
  return {
    naming: async (name) =>
      (await dns.resolveNaptr(name).catch(noneIfAbsent)).map(
        ({ order, preference, flags, service, replacement }) => ({
          order,
          preference,
          flags,
          service,
          replacement,
        }),
      ),
    services: async (name) => await dns.resolveSrv(name).catch(noneIfAbsent),
    async addresses(name, family) {
      // RFC 6761 §6.3: never asked of a name server.
      if (/(^|\.)localhost\.?$/i.test(name)) return [family === 4 ? '127.0.0.1' : '::1'];
      const found: string[] = await (family === 4 ? dns.resolve4(name) : dns.resolve6(name)).catch(() => []);
      return found.length > 0 ? found : await hosts(name, family);
    },
  };
};
