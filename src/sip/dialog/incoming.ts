import type { Timer } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/types.ts';
import type { MessageEvent } from '../transport/types.ts';
import type { LiveDialog } from './live-dialog.ts';
import type { Repeater } from './repeat.ts';
import type { IncomingRequest } from './types.ts';

/** Reliable provisional responses of one INVITE (RFC 3262 §3): one under way, the others wait behind it. */
export type ReliableAnswers = {
  /** Of the last one sent. */
  rseq: number;
  unacknowledged: SipResponse | undefined;
  readonly repeater: Repeater;
  readonly queue: (() => void)[];
};

export class Incoming implements IncomingRequest {
  readonly id: string;
  readonly request: SipRequest;
  readonly event: MessageEvent;
  readonly inDialog: boolean;
  readonly transaction: ServerTransaction;
  dialog: LiveDialog | undefined;
  localTag: string;
  /** An answer with a tag was sent: it stays. */
  tagged: boolean;
  state: IncomingRequest['state'] = 'waiting';
  /** The final answer waits for a PRACK. */
  finalQueued = false;
  reliable: ReliableAnswers | undefined;
  limit: Timer | undefined;
  readonly #onDetach: (incoming: Incoming) => void;

  constructor(what: {
    readonly transaction: ServerTransaction;
    readonly event: MessageEvent;
    readonly dialog: LiveDialog | undefined;
    readonly localTag: string;
    readonly onDetach: (incoming: Incoming) => void;
  }) {
    this.id = what.transaction.id;
    this.transaction = what.transaction;
    this.request = what.transaction.request;
    this.event = what.event;
    this.dialog = what.dialog;
    this.inDialog = what.dialog !== undefined;
    this.localTag = what.localTag;
    this.tagged = this.inDialog;
    this.#onDetach = what.onDetach;
    what.transaction.userData = this;
  }

  get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  detach(): void {
    if (this.state !== 'waiting') return;
    this.state = 'detached';
    this.#onDetach(this);
  }
}
