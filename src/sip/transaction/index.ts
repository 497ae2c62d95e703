export { defaultTransactionLimits, type TransactionLimits, type TransactionOptions } from './context.ts';
export { createTransactionLayer } from './layer.ts';
export { magicCookie } from './keys.ts';
export { defaultTimers } from './timers.ts';
export type {
  ClientFailure,
  ClientHandlers,
  ClientTransaction,
  ServerTransaction,
  TimerValues,
  TransactionLayer,
  TransactionUser,
} from './types.ts';
