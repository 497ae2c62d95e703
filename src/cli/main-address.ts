import { networkInterfaces } from 'node:os';

type Interfaces = ReturnType<typeof networkInterfaces>;

/** Interfaces that containers and virtual machines put on their host; phones are not there. */
const virtual = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|tun|tap|utun|wg|tailscale|zt)/;

/** The IPv4 address by which other machines most likely reach this one; 127.0.0.1 when it has no network. */
export function mainAddress(interfaces: Interfaces = networkInterfaces()): string {
  const candidates = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((a) => a.family === 'IPv4' && !a.internal && !a.address.startsWith('169.254.'))
      .map((a) => ({ name, address: a.address })),
  );
  const real = candidates.find(({ name }) => !virtual.test(name)) ?? candidates[0];
  return real?.address ?? '127.0.0.1';
}
