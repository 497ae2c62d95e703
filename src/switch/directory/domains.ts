import type { DirectoryStore, Domain } from '../../stores/index.ts';

const addressPattern = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.%]+\]|localhost)$/i;

/** An address rather than a name. */
export const isBareAddress = (host: string): boolean => addressPattern.test(host);

/**
 * The domain that a host in a SIP URI means: one of that name or alias, and for a bare address the default domain,
 * because phones on a small network are pointed at an address. Another name is nobody's: undefined.
 */
export function domainOfHost(
  directory: DirectoryStore,
  host: string,
  defaultDomain: string,
): Domain | undefined {
  return directory.domain(host) ?? (isBareAddress(host) ? directory.domain(defaultDomain) : undefined);
}
