import type { HeaderField } from '../message/index.ts';
import { defaultTimers, type TransactionLayer } from '../transaction/index.ts';
import type { Destination, TransportLayer } from '../transport/index.ts';
import { Answering } from './answering.ts';
import { Asking } from './asking.ts';
import { Closing } from './closing.ts';
import {
  contactOf,
  defaultUserAgentLimits,
  endDialog,
  namesUs,
  type CoreContext,
  type UserAgentCounters,
} from './context.ts';
import { parseRAck } from './dialog-state.ts';
import { Incoming } from './incoming.ts';
import { Launcher } from './launcher.ts';
import { DialogTable, LiveDialog } from './live-dialog.ts';
import { Receiving } from './receiving.ts';
import { Responses } from './responses.ts';
import { Sessions } from './sessions.ts';
import type {
  AckSpec,
  Dialog,
  IncomingRequest,
  InDialogSpec,
  OutgoingRequest,
  Reply,
  ReplyResult,
  RequestHandlers,
  RequestSpec,
  SentResult,
  UserAgentCore,
  UserAgentOptions,
} from './types.ts';

const ignore = (): void => undefined;

const counters = (): UserAgentCounters => ({
  requestsIn: 0,
  requestsOut: 0,
  refused: 0,
  unanswered: 0,
  ackTimeouts: 0,
  sessionsExpired: 0,
  surplusAnswers: 0,
  strayAnswers: 0,
});

const contextOf = (options: UserAgentOptions): CoreContext => ({
  transport: options.transport,
  transactions: options.transactions,
  clock: options.clock,
  random: options.random,
  logger: options.logger,
  handler: options.handler,
  timers: options.timers ?? defaultTimers,
  sessionTimers: options.sessionTimers ?? { minSe: 90, defaultRefresher: 'none' },
  natDetection: options.natDetection ?? 'on',
  limits: { ...defaultUserAgentLimits, ...options.limits },
  dialogs: new DialogTable(),
  counters: counters(),
});

class Core implements UserAgentCore {
  readonly transport: TransportLayer;
  readonly transactions: TransactionLayer;
  readonly #context: CoreContext;
  readonly #launcher: Launcher;
  readonly #closing: Closing;
  readonly #answering: Answering;
  readonly #asking: Asking;

  constructor(options: UserAgentOptions) {
    this.transport = options.transport;
    this.transactions = options.transactions;
    const context = contextOf(options);
    const sessions = new Sessions(context);
    const launcher = new Launcher(context);
    const closing = new Closing(context, launcher);
    const responses = new Responses(context, launcher, closing, sessions);
    launcher.owner = responses;
    const answering = new Answering(context, sessions);
    answering.onUnacknowledged = (dialog) => {
      const held = dialog.heldBye;
      dialog.heldBye = undefined;
      if (held === undefined) closing.bye(dialog, 'ack-timeout', 'ACK timeout');
      else held.send();
    };
    this.#context = context;
    this.#launcher = launcher;
    this.#closing = closing;
    this.#answering = answering;
    this.#asking = new Asking(context, launcher, closing, sessions);
    sessions.acts = {
      refresh: (dialog, interval) => this.#asking.refresh(dialog, interval),
      expire: (dialog) => {
        context.counters.sessionsExpired++;
        closing.bye(dialog, 'session-expired', 'Session timer expired');
      },
    };
    options.transactions.setUser(new Receiving(context, answering, responses));
  }

  respond(incoming: IncomingRequest, reply: Reply, done: (result: ReplyResult) => void = ignore): void {
    if (incoming instanceof Incoming) return this.#answering.respond(incoming, reply, done);
    done({ ok: false, error: 'unknown-transaction', detail: 'no request of this core' });
  }

  request(spec: RequestSpec, handlers: RequestHandlers): OutgoingRequest {
    return this.#asking.request(spec, handlers);
  }

  requestInDialog(dialog: Dialog, spec: InDialogSpec, handlers: RequestHandlers): OutgoingRequest {
    return this.#asking.requestInDialog(dialog, spec, handlers);
  }

  ack(dialog: Dialog, spec: AckSpec, done: (result: SentResult) => void = ignore): void {
    if (dialog instanceof LiveDialog) return this.#closing.ack(dialog, spec, done);
    done({ ok: false, error: 'nothing-to-acknowledge', detail: 'no dialog of this core' });
  }

  cancel(
    outgoing: OutgoingRequest,
    headers: readonly HeaderField[] = [],
    done?: (result: SentResult) => void,
  ): boolean {
    return this.#asking.cancel(outgoing, headers, done);
  }

  findDialog(setId: string, rack?: string): Dialog | undefined {
    const set = this.#context.dialogs.set(setId);
    const wanted = parseRAck(rack);
    if (wanted !== undefined) {
      const fork = set.findLast(
        ({ lastReliable: last }) => last?.rseq === wanted.rseq && last.cseq === wanted.cseq,
      );
      if (fork !== undefined) return fork;
    }
    return set.findLast(({ state }) => state === 'confirmed') ?? set.at(-1);
  }

  end(dialog: Dialog, reason?: string): void {
    if (!(dialog instanceof LiveDialog) || dialog.state === 'terminated') return;
    const headers = reason === undefined ? [] : [{ name: 'Reason', value: reason }];
    if (dialog.method === 'SUBSCRIBE') return endDialog(this.#context, dialog, 'ended-here');
    const { pendingInvite, sentInvite } = dialog;
    if (dialog.state === 'early') {
      if (pendingInvite !== undefined)
        return this.#answering.respond(pendingInvite, { status: 503, headers }, ignore);
      if (sentInvite !== undefined) return this.#asking.abandon(sentInvite, reason);
    }
    if (pendingInvite !== undefined) this.#answering.respond(pendingInvite, { status: 487 }, ignore);
    this.#asking.requestInDialog(dialog, { method: 'BYE', headers }, { onSent: ignore, onResponse: ignore });
  }

  abandon(outgoing: OutgoingRequest, reason?: string): void {
    this.#asking.abandon(outgoing, reason);
  }

  isOwn(uri: string): boolean {
    return namesUs(this.transport.listeners, uri);
  }

  contactFor(destination: Destination, user?: string): string {
    return contactOf(this.transport.listenerFor(destination), user);
  }

  close(): void {
    for (const dialog of this.#context.dialogs) {
      dialog.session?.handle({ kind: 'none' });
      for (const { repeater } of dialog.openAnswers.values()) repeater.stop();
    }
    this.#answering.close();
    this.transactions.close();
  }

  describe(): object {
    return {
      dialogs: this.#context.dialogs.size,
      waiting: this.#answering.waiting,
      outgoing: this.#launcher.live,
      counters: { ...this.#context.counters },
      transactions: this.transactions.describe(),
      transport: this.transport.describe(),
    };
  }
}

/** The user agent core over a transaction layer, whose user it becomes. */
export const createUserAgentCore = (options: UserAgentOptions): UserAgentCore => new Core(options);
