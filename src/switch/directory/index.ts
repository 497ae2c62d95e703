export { credentialsFor, digestHash, type DigestAlgorithm } from './credentials.ts';
export { domainOfHost, isBareAddress } from './domains.ts';
export { hashPin, pinMatches } from './pin.ts';
export {
  keptInbound,
  seedDirectory,
  type DeviceSeed,
  type DirectorySeed,
  type GroupSeed,
  type LaidOver,
  type TrunkSeed,
  type UserSeed,
} from './seed.ts';
export { deviceById, sharedDeviceId } from './shared-device.ts';
