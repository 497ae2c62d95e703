import { lookup, Resolver } from 'node:dns/promises';
import type { ResolveName } from '../switch/index.ts';

const absent = new Set(['ENODATA', 'ENOTFOUND', 'EBADNAME', 'EAI_NODATA', 'EAI_NONAME']);

/** A name without such records is no fault; a name server that is silent is. */
const noneIfAbsent = (error: unknown): [] => {
  if (absent.has((error as NodeJS.ErrnoException).code ?? '')) return [];
  throw error;
};

/** What of `node:dns` is needed, so that tests bring their own. */
export type NameServer = Pick<Resolver, 'resolveSrv'> & {
  addresses(name: string): Promise<readonly string[]>;
};

const services = ['_sip._udp', '_sip._tcp', '_sips._tcp'];

/**
 * Every address that requests of a SIP domain may come from: those of the name itself, and of all servers that it names for
 * any transport (RFC 3263 §4.2). Rejects when nothing was found and a name server has not answered.
 */
export const resolveNames =
  (server: NameServer): ResolveName =>
  async (name) => {
    const records = await Promise.allSettled(
      services.map(async (service) => server.resolveSrv(`${service}.${name}`).catch(noneIfAbsent)),
    );
    const servers = records.flatMap((found) => (found.status === 'fulfilled' ? found.value : []));
    const names = new Set([name, ...servers.map((record) => record.name)]);
    const addresses = await Promise.allSettled([...names].map((each) => server.addresses(each)));
    const found = addresses.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const failed = [...records, ...addresses].find((each) => each.status === 'rejected');
    if (found.length === 0 && failed !== undefined) throw new Error(String(failed.reason));
    return [...new Set(found)];
  };

/** The machine's name servers and hosts file. */
export function systemNames(): NameServer {
  const dns = new Resolver({ timeout: 2000, tries: 2 });
  return {
    resolveSrv: (name) => dns.resolveSrv(name),
    addresses: async (name) =>
      (await lookup(name, { all: true }).catch(noneIfAbsent)).map(({ address }) => address),
  };
}
