import type { DirectoryStore, Flow, Trunk } from '../../stores/index.ts';
import type { Route } from '../call/signaling.ts';

/** The trunk that a request comes from: by its source address and port, which nobody else is given. */
export function trunkAt(directory: DirectoryStore, source: Flow): Trunk | undefined {
  for (const { name } of directory.domains())
    for (const trunk of directory.trunks(name))
      if (trunk.host === source.address && trunk.port === source.port && trunk.transport === source.protocol)
        return trunk;
  return undefined;
}

/** The way to an outside number over a trunk. */
export function routeOverTrunk(trunk: Trunk, number: string): Route {
  const { username, password } = trunk;
  const host = trunk.host.includes(':') && !trunk.host.startsWith('[') ? `[${trunk.host}]` : trunk.host;
  const transport = trunk.transport === 'udp' ? '' : `;transport=${trunk.transport}`;
  const user = encodeURIComponent(number).replaceAll('%2B', '+');
  return {
    uri: `sip:${user}@${host}:${trunk.port}${transport}`,
    ...(username === undefined || password === undefined ? {} : { auth: { username, password } }),
  };
}

/** Digits as people dial an outside number; anything else is a mistake. */
export const isOutsideNumber = (dialled: string): boolean => /^\+?\d{3,20}$/.test(dialled);
