import type { Call } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Endpoint } from '../call/endpoint.ts';
import type { Leg } from '../call/leg.ts';
import { offeringTo } from '../call/media-session.ts';
import { asAnswer } from '../call/session-description.ts';
import { SipFailure, type InDialogRequest } from '../call/signaling.ts';
import { parseInfo, type DtmfEvent } from '../features/dtmf.ts';
import { KeyOnce } from '../features/key-once.ts';
import type { AudioInlets } from './audio-inlet.ts';
import { Terminal } from './terminal.ts';

const over = { cause: 200, text: 'Not needed any more' };

/** The legs that end in the switch, and the keys that are pressed towards them. */
export class Terminals {
  readonly #inlets: AudioInlets;
  readonly #calls: Calls;
  readonly #terminals = new WeakMap<Leg, Terminal>();
  readonly #keys = new WeakMap<Leg, KeyOnce>();

  constructor(inlets: AudioInlets, calls: Calls) {
    this.#inlets = inlets;
    this.#calls = calls;
  }

  /**
   * A leg of the called party that has answered, for `bridge` to connect with the caller. Rejects where nothing can come
   * in, or with `SipFailure` 488 where no codec can be made common.
   */
  async open(call: Call, rungAs: Leg, endpoint: Extract<Endpoint, { kind: 'terminal' }>): Promise<Terminal> {
    const inlet = await this.#inlets.open();
    const leg = call.newLeg(call.callee, endpoint);
    const terminal = new Terminal(call, leg, inlet, () => this.#left(call, leg));
    try {
      // Events are taken as they are: rtpengine answers the caller with none where it is to see to them itself.
      const how = { ...offeringTo(rungAs, inlet.sdp), events: false };
      const offer = await call.media.offer(rungAs, leg.branch, how);
      const sdp = asAnswer(inlet.sdp, offer, true);
      if (sdp === undefined) throw new SipFailure(488, 'No common codec');
      inlet.hear(offer);
      leg.sdp = sdp;
      leg.local = offer;
    } catch (error) {
      inlet.close();
      leg.over(over);
      throw error;
    }
    this.#terminals.set(leg, terminal);
    call.establish(leg, terminal.dialog);
    return terminal;
  }

  /** A leg is connected: whoever talks to one that ends here. */
  connected(call: Call, leg: Leg): void {
    this.#terminals.get(leg)?.connect();
    if (this.#facing(call, leg) === undefined) return;
    // Digits that are held back are told for certain: an engine may else forward them unseen.
    command(call, leg, 'block DTMF');
  }

  /** Whether a leg talks to one that ends here: its keys are then nobody else's. */
  faces(call: Call, leg: Leg): boolean {
    return this.#facing(call, leg) !== undefined;
  }

  /** A digit that the media engine heard. */
  heard({ callId, tag, key }: DtmfEvent): void {
    const call = this.#calls.get(callId);
    const leg = call?.legs.find((one) => one.tag === tag);
    if (call !== undefined && leg !== undefined) this.#pressed(call, leg, key, 'media');
  }

  /** A digit by SIP INFO; false when it is none, or not for one of these. */
  info(call: Call, leg: Leg, request: InDialogRequest): boolean {
    const key = this.faces(call, leg)
      ? parseInfo(request.get('Content-Type') ?? '', request.body)
      : undefined;
    if (key === undefined) return false;
    request.respond(200);
    this.#pressed(call, leg, key, 'info');
    return true;
  }

  #pressed(call: Call, leg: Leg, key: DtmfEvent['key'], way: 'media' | 'info'): void {
    const facing = this.#facing(call, leg);
    if (facing === undefined || leg.state !== 'active') return;
    const once = this.#keys.get(leg) ?? new KeyOnce(call.context.clock);
    this.#keys.set(leg, once);
    if (once.isNew(key, way)) facing.pressed(key.digit);
  }

  #facing(call: Call, leg: Leg): Terminal | undefined {
    const party = call.partyOf(leg);
    const far = party === undefined ? undefined : call.other(party).leg;
    return far === undefined ? undefined : this.#terminals.get(far);
  }

  /** A call that goes on was taken elsewhere: its keys are for whoever is there. */
  #left(call: Call, leg: Leg): void {
    const party = call.partyOf(leg) ?? call.party(leg.side);
    const far = call.other(party).leg;
    this.#terminals.delete(leg);
    if (call.phase !== 'talking' || far?.state !== 'active' || party.leg === leg) return;
    command(call, far, 'unblock DTMF');
    call.context.phone.connected(call, far);
  }
}

function command(call: Call, leg: Leg, name: string): void {
  call.media
    .command(name, { 'from-tag': leg.tag })
    .catch((error: unknown) => call.log.info({ error: String(error) }, `no ${name}`));
}
