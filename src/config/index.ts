export type { Config, UserConfig } from './config.ts';
export { adminToken, demoUsers, openDataFolder, type DataFolder } from './data-folder.ts';
export { splitHostPort, splitListen, type HostPort, type ListenAddress } from './endpoint.ts';
export type { Environment } from './environment.ts';
export { ConfigurationError, type Problem } from './problem.ts';
export { parseConfig, readConfigFile, type ConfigSource } from './read.ts';
export { configurationReference } from './reference.ts';
