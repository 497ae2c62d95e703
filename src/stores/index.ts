export type {
  Binding,
  BindingEvents,
  BindingLimits,
  BindingStore,
  ContactChange,
  Flow,
  FlowProtocol,
  RegisterOutcome,
  Registration,
  RemovalReason,
} from './binding-store.ts';
export type { ColdRoute, ColdRouteEvents, ColdRouteStore } from './cold-route-store.ts';
export { sameContact } from './contact-uri.ts';
export {
  DirectoryConflict,
  type Account,
  type Credentials,
  type Destination,
  type Device,
  type DeviceKind,
  type DirectoryEvents,
  type DirectoryStore,
  type Domain,
  type Group,
  type Number,
  type Trunk,
  type User,
} from './directory-store.ts';
export { MemoryBindingStore } from './memory/binding-store.ts';
export { MemoryDirectoryStore } from './memory/directory-store.ts';
export { MemoryColdRouteStore } from './memory/cold-route-store.ts';
export { openColdRouteStore } from './sql/cold-route-store.ts';
