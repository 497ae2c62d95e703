import type { Config, UserConfig } from '../config/index.ts';
import type { DirectorySeed } from '../switch/directory/index.ts';
import type { SwitchSettings } from '../switch/index.ts';
import { readGateway } from '../switch/trunks/index.ts';

/** Passwords are turned into what is kept of them at once, and nothing holds on to the configuration's own lists. */
export type Settings = Omit<Config, 'users' | 'groups' | 'trunks'>;

/** What the configuration says about who there is; `demo` are there when it names no users. */
export function seedOf(config: Config, demo?: readonly UserConfig[]): DirectorySeed {
  return {
    domain: config.domain,
    aliases: config.domainAliases,
    users: demo ?? config.users,
    demo: demo !== undefined,
    groups: config.groups,
    trunks: config.trunks.map(({ more, ...trunk }) => ({
      ...trunk,
      ...readGateway(trunk.host),
      ...(more === undefined ? {} : { more: more.map(readGateway) }),
    })),
  };
}

/** The switch's part of the configuration. */
export function switchSettings(settings: Settings): SwitchSettings {
  const { domain, ring, emergencyNumbers, features, routing, voicemail, limits } = settings;
  const { callsPerSecond, callBurst, calls, callsPerUser } = limits;
  return {
    domain,
    ring,
    emergencyNumbers,
    features,
    routing,
    voicemail,
    limits: { callsPerSecond, callBurst, calls, callsPerUser },
  };
}
