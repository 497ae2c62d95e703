import type { Clock } from '../../base/index.ts';
import type { LegView } from './call-view.ts';
import type { Endpoint } from './endpoint.ts';
import type { MediaParty } from './media-session.ts';
import { directionOf } from './session-description.ts';
import type { Dialog, DialogId, DialogListener, Incoming, Reason } from './signaling.ts';

export type Side = 'caller' | 'callee';

/**
 * One SIP dialog, made or being made, with its media endpoint. Its id is the tag by which the media engine knows it. It
 * ends once, by whoever is first, and is told why.
 */
export class Leg implements MediaParty {
  readonly id: string;
  readonly side: Side;
  readonly endpoint: Endpoint;
  /** The INVITE that it came with; absent for a leg that we called. */
  readonly incoming: Incoming | undefined;
  /** The media engine's via-branch: every device is a branch of its own. */
  branch: string;
  /** What the device last said of its media, and what it was last told of ours. */
  sdp: string;
  local = '';
  dialog: Dialog | undefined;
  /** While it rings: the dialog that its 180 began. */
  early: DialogId | undefined;
  state: 'ringing' | 'active' | 'ended' = 'ringing';
  /** Its phone has answered, and its person has not said yet that it will take the call. */
  asked = false;
  /** A rule forwarded the call to it. */
  forwarded: 'inside' | 'outside' | undefined;
  #looked = { sdp: '', holds: false };
  readonly #clock: Clock;
  readonly #startedAt: number;
  #answeredAt: number | undefined;
  #endedAt: number | undefined;
  #ended: Reason | undefined;

  constructor(options: {
    readonly id: string;
    readonly side: Side;
    readonly endpoint: Endpoint;
    readonly clock: Clock;
    readonly incoming?: Incoming;
  }) {
    this.id = options.id;
    this.branch = options.id;
    this.side = options.side;
    this.endpoint = options.endpoint;
    this.incoming = options.incoming;
    this.sdp = options.incoming?.body ?? '';
    this.#clock = options.clock;
    this.#startedAt = options.clock.wall();
  }

  get tag(): string {
    return this.id;
  }

  /** Whether the device has put the other party on hold. */
  get holds(): boolean {
    // Asked for by every view of the call, and changed hardly ever.
    if (this.#looked.sdp !== this.sdp) {
      const direction = directionOf(this.sdp);
      this.#looked = { sdp: this.sdp, holds: direction === 'sendonly' || direction === 'inactive' };
    }
    return this.#looked.holds;
  }

  /** The dialog is there; from now on the leg speaks and is listened to. */
  established(dialog: Dialog, listener: DialogListener): void {
    this.dialog = dialog;
    this.state = 'active';
    this.#answeredAt = this.#clock.wall();
    dialog.listen(listener);
  }

  /** Ends it from our side: BYE, or a final response or nothing while it is not established. */
  end(reason: Reason, refusal = { status: 487, reason: reason.text }): void {
    if (!this.over(reason)) return;
    if (this.dialog !== undefined) this.dialog.bye(reason);
    else this.incoming?.refuse(refusal);
  }

  /** Notes that it has ended, whoever did it; false when it had already. */
  over(reason: Reason | undefined): boolean {
    if (this.state === 'ended') return false;
    this.state = 'ended';
    this.#endedAt = this.#clock.wall();
    this.#ended = reason;
    return true;
  }

  view(): LegView {
    return {
      id: this.id,
      party: this.side,
      ...who(this.endpoint, this.side),
      state: this.state,
      ...(this.forwarded === undefined ? {} : { forwarded: this.forwarded }),
      startedAt: this.#startedAt,
      ...(this.#answeredAt === undefined || this.asked ? {} : { answeredAt: this.#answeredAt }),
      ...(this.#endedAt === undefined ? {} : { endedAt: this.#endedAt }),
      ...(this.#ended === undefined ? {} : { ended: this.#ended }),
    };
  }
}

function who(endpoint: Endpoint, side: Side): Partial<LegView> {
  if (endpoint.kind === 'device')
    return { userId: endpoint.user.id, deviceId: endpoint.device.id, device: endpoint.device.extension };
  if (endpoint.kind === 'terminal') return { terminal: endpoint.name };
  return { trunk: endpoint.trunk.name, ...(side === 'callee' ? { number: endpoint.number } : {}) };
}
