import type { Clock, Logger, Random } from '../../base/index.ts';
import { bracketHost, parseUri } from '../message/index.ts';
import type { TimerValues, TransactionLayer } from '../transaction/types.ts';
import { sentBy, type Destination, type Listener, type TransportLayer } from '../transport/index.ts';
import type { DialogTable, LiveDialog } from './live-dialog.ts';
import type { NatDetection } from './nat.ts';
import type { DialogEnd, SessionTimerPolicy, UserAgentHandler, UserAgentLimits } from './types.ts';

export const defaultUserAgentLimits: UserAgentLimits = Object.freeze({
  dialogs: 100_000,
  waiting: 20_000,
  unansweredInviteMs: 64_000,
  unansweredMs: 28_000,
});

/** What was counted since the start. */
export type UserAgentCounters = {
  requestsIn: number;
  requestsOut: number;
  refused: number;
  unanswered: number;
  ackTimeouts: number;
  sessionsExpired: number;
  surplusAnswers: number;
  strayAnswers: number;
};

/** What the parts of the user agent core share. */
export type CoreContext = {
  readonly transport: TransportLayer;
  readonly transactions: TransactionLayer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly handler: UserAgentHandler;
  readonly timers: TimerValues;
  readonly sessionTimers: SessionTimerPolicy;
  readonly natDetection: NatDetection;
  readonly limits: UserAgentLimits;
  readonly dialogs: DialogTable;
  readonly counters: UserAgentCounters;
};

/** `<sip:host:port;transport=tcp>`: how peers reach us over that listener. */
export const contactOf = (listener: Listener | undefined, user?: string, secure = false): string => {
  if (listener === undefined) return `<sip:${user === undefined ? '' : `${user}@`}invalid.invalid>`;
  const { address, port } = sentBy(listener);
  const { protocol } = listener;
  const host = `${user === undefined ? '' : `${user}@`}${bracketHost(address)}:${port}`;
  if (protocol === 'udp') return `<sip:${host}>`;
  if (!secure) return `<sip:${host};transport=${protocol}>`;
  // RFC 3261 §8.1.1.8: a sips request is answered by a sips Contact.
  return protocol === 'tls' ? `<sips:${host}>` : `<sips:${host};transport=ws>`;
};

export const isSecure = (uri: string): boolean => uri.startsWith('sips:');

export const ownContact = (context: CoreContext, destination: Destination, uri = ''): string =>
  contactOf(context.transport.listenerFor(destination), undefined, isSecure(uri));

export const newTag = (context: CoreContext): string => context.random.hex(8);

/** Whether a URI names one of our listeners; without a port the default ones count. */
export const namesUs = (listeners: readonly Listener[], text: string): boolean => {
  const uri = parseUri(text);
  if (uri === undefined || uri.scheme === 'tel') return false;
  const port = uri.port ?? (uri.scheme === 'sips' ? 5061 : 5060);
  const host = uri.host.toLowerCase();
  return listeners.some(({ local, external }) =>
    [local, external].some((a) => a !== undefined && a.address.toLowerCase() === host && a.port === port),
  );
};

/** Takes a dialog out and tells the user, once. */
export const endDialog = (context: CoreContext, dialog: LiveDialog, cause: DialogEnd): void => {
  if (!context.dialogs.delete(dialog)) return;
  dialog.state = 'terminated';
  dialog.session?.handle({ kind: 'none' });
  for (const { repeater } of dialog.openAnswers.values()) repeater.stop();
  dialog.openAnswers.clear();
  dialog.heldBye?.drop();
  dialog.heldBye = undefined;
  if (cause === 'bye-sent' || cause === 'bye-received') forgetInvite(dialog);
  context.handler.onDialogEnd?.(dialog, cause);
};

/**
 * The INVITE whose only call is over need not wait out timer M: a 2xx that comes again now gets ACK and BYE, whoever it is
 * from. A busy server would hold thousands of ended calls with all that belongs to them (RFC 6026 §7.2 keeps the
 * transaction for forks; they are ended all the same).
 */
const forgetInvite = ({ peerAnswer }: LiveDialog): void => {
  const outgoing = peerAnswer?.acknowledged === true ? peerAnswer.outgoing : undefined;
  if (outgoing?.dialogs.every(({ state }) => state === 'terminated') === true) outgoing.client?.terminate();
};
