import type { Clock, Logger, Random } from '../../base/index.ts';
import type { TransportLayer } from '../transport/types.ts';
import { inviteClient, nonInviteClient } from './client-machines.ts';
import { inviteServer, nonInviteServer } from './server-machines.ts';
import type { TimerValues } from './types.ts';

export type TransactionLimits = {
  /** Server transactions at once; a request beyond them gets 503. */
  readonly server: number;
  /** Client transactions at once; a request beyond them fails with `overloaded`. */
  readonly client: number;
};

export const defaultTransactionLimits: TransactionLimits = Object.freeze({
  server: 300_000,
  client: 300_000,
});

export type TransactionOptions = {
  readonly transport: TransportLayer;
  /** Best a `TimerWheel`: a busy layer has some hundred thousand timers running. */
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timers?: TimerValues;
  readonly limits?: Partial<TransactionLimits>;
};

/** What a running transaction needs of its surroundings. */
export type Context = {
  readonly transport: TransportLayer;
  readonly clock: Clock;
  readonly timers: TimerValues;
};

/** The machines over unreliable and reliable transports, made once. */
export const machines = Object.freeze({
  inviteClient: { unreliable: inviteClient(false), reliable: inviteClient(true) },
  nonInviteClient: { unreliable: nonInviteClient(false), reliable: nonInviteClient(true) },
  inviteServer: { unreliable: inviteServer(false), reliable: inviteServer(true) },
  nonInviteServer: { unreliable: nonInviteServer(false), reliable: nonInviteServer(true) },
});
