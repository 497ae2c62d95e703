import type { SipRequest } from '../message/index.ts';
import type { Destination, Flow } from '../transport/types.ts';
import { dialogKey, dialogSetId, type DialogIdentity, type DialogPath, type RAck } from './dialog-state.ts';
import type { Incoming } from './incoming.ts';
import type { Outgoing } from './outgoing.ts';
import type { Repeater } from './repeat.ts';
import type { SessionTimer } from './session-timer.ts';
import type { Dialog, DialogState } from './types.ts';

/** A 2xx of ours that waits for its ACK. */
export type OpenAnswer = { readonly invite: Incoming; readonly repeater: Repeater };

/** A 2xx of the peer that waits for our ACK, or had it. */
export type PeerAnswer = {
  readonly number: number;
  readonly outgoing: Outgoing;
  acknowledged: boolean;
  ack: { readonly request: SipRequest; readonly destination: Destination } | undefined;
};

/** A session description that was sent, for a refresh by re-INVITE. */
export type SentDescription = { readonly type: string; readonly body: Buffer };

/** A dialog while it lives: plain state that the user agent core's parts share. */
export class LiveDialog implements Dialog {
  readonly id: string;
  readonly setId: string;
  readonly identity: DialogIdentity;
  path: DialogPath;
  state: DialogState = 'early';
  localContact = '';
  localCSeq: number;
  remoteCSeq: number | undefined;
  /** Where its latest message came from. */
  flow: Flow | undefined;
  /** Requests go to `flow`, whatever the Contact says. */
  behindNat = false;
  peerTakesUpdate = false;
  pendingInvite: Incoming | undefined;
  /** Requests of the peer that wait for our answer. */
  readonly waiting = new Set<Incoming>();
  /** Our INVITE that waits for its final response. */
  sentInvite: Outgoing | undefined;
  sentUpdate = false;
  /** By CSeq number. */
  readonly openAnswers = new Map<number, OpenAnswer>();
  peerAnswer: PeerAnswer | undefined;
  /** The highest RSeq seen, per INVITE (RFC 3262 §4). */
  lastReliable: RAck | undefined;
  /** Our reliable response that waits for its PRACK. */
  openReliable: { readonly rseq: number; readonly cseq: number } | undefined;
  byeSent = false;
  /** A BYE that may not leave before the ACK to our 2xx has come (RFC 3261 §15). */
  heldBye: { readonly send: () => void; readonly drop: () => void } | undefined;
  session: SessionTimer | undefined;
  description: SentDescription | undefined;

  constructor(identity: DialogIdentity, path: DialogPath, localCSeq: number) {
    this.identity = identity;
    this.path = path;
    this.localCSeq = localCSeq;
    this.id = dialogKey(identity.callId, identity.localTag, identity.remoteTag);
    this.setId = dialogSetId(identity);
  }

  get role(): 'uac' | 'uas' {
    return this.identity.role;
  }

  get method(): string {
    return this.identity.method;
  }

  get callId(): string {
    return this.identity.callId;
  }

  get localTag(): string {
    return this.identity.localTag;
  }

  get remoteTag(): string {
    return this.identity.remoteTag;
  }

  get localAddress(): string {
    return this.identity.localAddress;
  }

  get remoteAddress(): string {
    return this.identity.remoteAddress;
  }

  get remoteTarget(): string {
    return this.path.remoteTarget;
  }

  get routeSet(): readonly string[] {
    return this.path.routeSet;
  }

  retarget(remoteTarget: string | undefined): void {
    if (remoteTarget !== undefined) this.path = { ...this.path, remoteTarget };
  }
}

/** All dialogs, by their id and by the set of forks that they belong to. */
export class DialogTable {
  readonly #dialogs = new Map<string, LiveDialog>();
  readonly #sets = new Map<string, LiveDialog[]>();

  get size(): number {
    return this.#dialogs.size;
  }

  [Symbol.iterator](): Iterator<LiveDialog> {
    return this.#dialogs.values();
  }

  add(dialog: LiveDialog): void {
    this.#dialogs.set(dialog.id, dialog);
    const set = this.#sets.get(dialog.setId);
    if (set === undefined) this.#sets.set(dialog.setId, [dialog]);
    else set.push(dialog);
  }

  delete(dialog: LiveDialog): boolean {
    if (!this.#dialogs.delete(dialog.id)) return false;
    const left = (this.#sets.get(dialog.setId) ?? []).filter((other) => other !== dialog);
    if (left.length > 0) this.#sets.set(dialog.setId, left);
    else this.#sets.delete(dialog.setId);
    return true;
  }

  find(callId: string, localTag: string, remoteTag: string): LiveDialog | undefined {
    return this.#dialogs.get(dialogKey(callId, localTag, remoteTag));
  }

  /** The dialogs of a set, oldest first. */
  set(setId: string): readonly LiveDialog[] {
    return this.#sets.get(setId) ?? [];
  }
}
