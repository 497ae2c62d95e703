export type {
  Binding,
  BindingEvents,
  BindingJournal,
  BindingLimits,
  BindingStore,
  ContactChange,
  Flow,
  FlowProtocol,
  RegisterOutcome,
  Registration,
  RemovalReason,
} from './binding-store.ts';
export type { AuditEntry, AuditStore } from './audit-store.ts';
export type { ColdRoute, ColdRouteEvents, ColdRouteStore } from './cold-route-store.ts';
export type {
  Action,
  CalendarSource,
  CallerList,
  Condition,
  Presence,
  RingResult,
  RingTarget,
  Routing,
  RoutingEvents,
  RoutingOwner,
  RoutingPolicy,
  RoutingStore,
  Rule,
  Schedule,
  ShownCaller,
  WeekSpan,
} from './routing-store.ts';
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
export {
  trunkDefaults,
  type CallerIdHeader,
  type Gateway,
  type NumberForm,
  type TrunkCallerId,
  type TrunkInbound,
  type TrunkRoute,
} from './trunk.ts';
export { MemoryAuditStore } from './memory/audit-store.ts';
export { MemoryMailboxStore } from './memory/mailbox-store.ts';
export { MemoryRecordStore } from './memory/record-store.ts';
export { MemoryBindingStore } from './memory/binding-store.ts';
export { MemoryDirectoryStore } from './memory/directory-store.ts';
export { StoreHealth, type StoreState } from './store-health.ts';
export { DoubtfulOutcome, StoreUnavailable } from './write-through.ts';
export { MemoryRoutingStore } from './memory/routing-store.ts';
export { MemoryColdRouteStore } from './memory/cold-route-store.ts';
export { formerColdRoutes } from './sql/former-cold-routes.ts';
export { Journal, type JournalOptions } from './journal/journal.ts';
export { Outbox } from './outbox.ts';
export type { MailboxStore, MessageQuery, VoiceMessage } from './mailbox-store.ts';
export type {
  CallRecord,
  TraceEntry,
  LegQuality,
  RecordedFlip,
  RecordedLeg,
  RecordQuery,
  RecordStore,
} from './records-store.ts';
export { SqlAuditStore } from './sql/audit-store.ts';
export { copyDatabase } from './sql/backup.ts';
export { connectDatabase, openDatabase, type Database } from './sql/database.ts';
export { SqlMailboxStore } from './sql/mailbox-store.ts';
export { openKept, type KeptStores } from './sql/kept-stores.ts';
export { SqlRecordStore } from './sql/record-store.ts';
