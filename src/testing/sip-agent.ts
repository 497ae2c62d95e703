import { silentLogger, type Clock, type Random } from '../base/index.ts';
import {
  createTransactionLayer,
  createUserAgentCore,
  defaultTimers,
  type AckEvent,
  type Dialog,
  type DialogEnd,
  type IncomingRequest,
  type InDialogSpec,
  type OutgoingRequest,
  type RequestSpec,
  type ResponseEvent,
  type SentResult,
  type SipRequest,
  type TransportLayer,
  type UnsolicitedBye,
  type UserAgentCore,
  type UserAgentHandler,
  type UserAgentOptions,
} from '../sip/index.ts';

/** Numbers that look random and are the same in every run. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return {
    hex: (bytes) =>
      Array.from({ length: bytes }, () => (next() >>> 24).toString(16).padStart(2, '0')).join(''),
    unit: () => next() / 2 ** 32,
  };
};

/** A request that an agent sent, and what came of it. */
export type AgentRequest = {
  readonly outgoing: OutgoingRequest;
  readonly sent: SentResult[];
  readonly responses: ResponseEvent[];
  /** Status codes of the responses, in order. */
  readonly statuses: readonly number[];
};

/** A user agent core that records all it is told, for tests. */
export class SipAgent implements UserAgentHandler {
  readonly core: UserAgentCore;
  readonly requests: IncomingRequest[] = [];
  readonly acks: AckEvent[] = [];
  readonly cancels: { readonly incoming: IncomingRequest; readonly cancel: SipRequest }[] = [];
  readonly byes: UnsolicitedBye[] = [];
  readonly ended: { readonly dialog: Dialog; readonly cause: DialogEnd }[] = [];
  /** What to do with a request; by default nothing but recording. */
  script: (incoming: IncomingRequest) => void = () => undefined;
  surplus: 'end' | 'keep' = 'end';

  constructor(
    transport: TransportLayer,
    clock: Clock,
    options: Partial<UserAgentOptions> & { readonly seed?: number } = {},
  ) {
    const random = seededRandom(options.seed ?? 1);
    const timers = options.timers ?? { ...defaultTimers, trying: 0 };
    const logger = silentLogger;
    const transactions = createTransactionLayer({ transport, clock, random, logger, timers });
    this.core = createUserAgentCore({
      transport,
      transactions,
      clock,
      random,
      logger,
      ...options,
      timers,
      handler: this,
    });
  }

  onRequest(incoming: IncomingRequest): void {
    this.requests.push(incoming);
    this.script(incoming);
  }

  onAck(event: AckEvent): void {
    this.acks.push(event);
  }

  onCancel(incoming: IncomingRequest, cancel: SipRequest): void {
    this.cancels.push({ incoming, cancel });
  }

  onUnsolicitedBye(bye: UnsolicitedBye): void {
    this.byes.push(bye);
  }

  onDialogEnd(dialog: Dialog, cause: DialogEnd): void {
    this.ended.push({ dialog, cause });
  }

  onSurplusAnswer(): 'end' | 'keep' {
    return this.surplus;
  }

  send(spec: RequestSpec): AgentRequest {
    return this.#record((handlers) => this.core.request(spec, handlers));
  }

  sendIn(dialog: Dialog, spec: InDialogSpec): AgentRequest {
    return this.#record((handlers) => this.core.requestInDialog(dialog, spec, handlers));
  }

  #record(send: (handlers: Parameters<UserAgentCore['request']>[1]) => OutgoingRequest): AgentRequest {
    const sent: SentResult[] = [];
    const responses: ResponseEvent[] = [];
    const outgoing = send({
      onSent: (result) => sent.push(result),
      onResponse: (event) => responses.push(event),
    });
    return {
      outgoing,
      sent,
      responses,
      get statuses() {
        return responses.map(({ response }) => response.status);
      },
    };
  }
}
