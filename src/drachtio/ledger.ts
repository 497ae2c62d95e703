import type { Dialog, IncomingRequest, OutgoingRequest } from '../sip/index.ts';
import type { Owner } from './owner.ts';

type Held<T> = { readonly what: T; readonly owner: Owner };

/** Which application's what is: requests that wait for an answer, requests sent, dialogs. */
export class Ledger {
  readonly #waiting = new Map<string, Held<IncomingRequest>>();
  readonly #outgoing = new Map<string, Held<OutgoingRequest>>();
  readonly #dialogs = new Map<string, Owner>();
  /** Also of dialogs that have ended: their last message may be told of later. */
  readonly #lastOwners = new WeakMap<Dialog, Owner>();
  #sweepAt = 1024;

  get waiting(): number {
    return this.#waiting.size;
  }

  get outgoing(): number {
    return this.#outgoing.size;
  }

  get dialogs(): number {
    return this.#dialogs.size;
  }

  /** A request is with an application. */
  wait(incoming: IncomingRequest, owner: Owner): void {
    this.#waiting.set(incoming.id, { what: incoming, owner });
    owner.waiting.set(incoming.id, incoming);
    if (this.#waiting.size > this.#sweepAt) this.#sweep();
  }

  findWaiting(id: string): Held<IncomingRequest> | undefined {
    return this.#waiting.get(id);
  }

  /** The UPDATE that waits inside an INVITE of which only the INVITE's id is known. */
  findUpdate(inviteId: string): Held<IncomingRequest> | undefined {
    const invite = this.#waiting.get(inviteId);
    const callId = invite?.what.request.headers.get('call-id');
    if (invite === undefined || callId === undefined) return undefined;
    for (const incoming of invite.owner.waiting.values()) {
      if (incoming.request.method === 'UPDATE' && incoming.request.headers.get('call-id') === callId)
        return { what: incoming, owner: invite.owner };
    }
    return undefined;
  }

  answered(id: string): void {
    this.#waiting.get(id)?.owner.waiting.delete(id);
    this.#waiting.delete(id);
  }

  sent(outgoing: OutgoingRequest, owner: Owner): void {
    this.#outgoing.set(outgoing.id, { what: outgoing, owner });
    owner.outgoing.set(outgoing.id, outgoing);
  }

  findOutgoing(id: string): Held<OutgoingRequest> | undefined {
    return this.#outgoing.get(id);
  }

  completed(id: string): void {
    this.#outgoing.get(id)?.owner.outgoing.delete(id);
    this.#outgoing.delete(id);
  }

  /** The dialog is that owner's, unless it has one. */
  own(dialog: Dialog | undefined, owner: Owner): void {
    if (dialog === undefined || dialog.state === 'terminated' || this.#dialogs.has(dialog.id)) return;
    this.#dialogs.set(dialog.id, owner);
    this.#lastOwners.set(dialog, owner);
    owner.dialogs.set(dialog.id, dialog);
  }

  /** Whose dialog it is; an early one is of whom its INVITE waits for. */
  ownerOf(dialog: Dialog): Owner | undefined {
    const { pendingInvite } = dialog;
    return this.#dialogs.get(dialog.id) ?? (pendingInvite && this.#waiting.get(pendingInvite.id)?.owner);
  }

  /** Whose dialog it is or was. */
  lastOwnerOf(dialog: Dialog): Owner | undefined {
    return this.#lastOwners.get(dialog) ?? this.ownerOf(dialog);
  }

  ended(dialog: Dialog): void {
    this.#dialogs.get(dialog.id)?.dialogs.delete(dialog.id);
    this.#dialogs.delete(dialog.id);
  }

  /** Gives a dialog to the application that speaks for it now that its own is gone. */
  adopt(dialog: Dialog, owner: Owner): void {
    const before = this.#dialogs.get(dialog.id);
    if (before === undefined || before === owner || before.application !== undefined) return;
    this.ended(dialog);
    this.own(dialog, owner);
  }

  /** Forgets requests that the stack has answered by itself, because nobody else did in time. */
  #sweep(): void {
    for (const [id, { what }] of this.#waiting)
      if (what.state !== 'waiting' && what.state !== 'detached') this.answered(id);
    this.#sweepAt = Math.max(1024, this.#waiting.size * 2);
  }
}
