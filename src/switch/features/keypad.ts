import type { Timer } from '../../base/index.ts';
import type { Call } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import type { Leg } from '../call/leg.ts';
import { nameOf } from '../call/endpoint.ts';
import { play } from '../call/play.ts';
import { audioCodecs } from '../call/session-description.ts';
import type { InDialogRequest } from '../call/signaling.ts';
import { parseInfo, type DtmfEvent } from './dtmf.ts';
import { KeyOnce, type Way } from './key-once.ts';
import { noKeys, stepKeys, type Key, type KeyEffect, type KeyEvent, type Keys } from './keys.ts';
import { push, Push, type PushParts } from './push.ts';

type Pad = {
  keys: Keys;
  timer: Timer | undefined;
  push: Push | undefined;
  readonly once: KeyOnce;
  /** Digits that go on to the far end: a media engine may carry out two commands in either order. */
  forwarded: Promise<void> | undefined;
};

/** The keys of every user's device during a call: the push code is taken out, the rest goes on to the far end. */
export class Keypads {
  readonly #parts: PushParts & { readonly calls: Calls };
  readonly #taken: (call: Call, leg: Leg) => boolean;
  readonly #pads = new WeakMap<Leg, Pad>();
  /** Calls in which no code is looked for. */
  readonly #off = new WeakSet<Call>();

  /** `taken` says of a leg that its keys are somebody else's. */
  constructor(
    parts: PushParts & { readonly calls: Calls },
    taken: (call: Call, leg: Leg) => boolean = () => false,
  ) {
    this.#parts = parts;
    this.#taken = taken;
  }

  /** Whether a leg's digits are ours to look at: a user's device, where there is a push code and it is not off. */
  watches(call: Call, leg: Leg): boolean {
    const { endpoint } = leg;
    const { settings, directory } = this.#parts;
    if (endpoint.kind !== 'device' || settings.features.codes.push.length === 0) return false;
    if (this.#taken(call, leg)) return false;
    return !this.#off.has(call) && directory.userById(endpoint.user.id)?.callCodes !== false;
  }

  /** Codes on or off for one call, at once: what is held back goes to the far end. */
  turn(call: Call, on: boolean): void {
    const talking = call.legs.filter((leg) => leg.state === 'active');
    if (on) this.#off.delete(call);
    const watched = talking.filter((leg) => this.watches(call, leg));
    if (!on) this.#off.add(call);
    for (const leg of watched) {
      if (!on) this.#step(call, leg, { kind: 'off' });
      this.#hold(call, leg, on);
    }
  }

  /** A leg talks from here on: its digits reach the far end through us alone. */
  connected(call: Call, leg: Leg): void {
    if (!this.watches(call, leg)) return;
    this.#hold(call, leg, true);
    if (!sendsEvents(leg) && call.context.engine.announces !== true)
      call.log.warn(
        { leg: leg.id },
        'the phone has no telephone events, and this media engine does not listen for tones: it pushes by INFO or by API',
      );
  }

  /** A digit that the media engine heard. */
  heard(event: DtmfEvent): void {
    const call = this.#parts.calls.get(event.callId);
    const leg = call?.legs.find((l) => l.tag === event.tag);
    if (call !== undefined && leg !== undefined && this.watches(call, leg))
      this.#key(call, leg, event.key, 'media');
  }

  /** A digit by SIP INFO; false when it is none of ours, and is to be passed on as it is. */
  info(call: Call, leg: Leg, request: InDialogRequest): boolean {
    const key = parseInfo(request.get('Content-Type') ?? '', request.body);
    if (key === undefined || !this.watches(call, leg)) return false;
    request.respond(200);
    this.#key(call, leg, key, 'info');
    return true;
  }

  /** A push that the API began: `*` on the phone cancels it like any other. */
  began(leg: Leg, started: Push): void {
    const pad = this.#pad(started.call, leg);
    pad.push = started;
    this.#step(started.call, leg, { kind: 'push-begun' });
    this.#whenOver(started, leg, pad);
  }

  #hold(call: Call, leg: Leg, on: boolean): void {
    call.media
      .command(on ? 'block DTMF' : 'unblock DTMF', { 'from-tag': leg.tag })
      .catch((error: unknown) => call.log.info({ on, error: String(error) }, 'digits not held back'));
  }

  #key(call: Call, leg: Leg, key: Key, way: Way): void {
    if (leg.state !== 'active' || call.phase !== 'talking') return;
    const pad = this.#pad(call, leg);
    if (pad.once.isNew(key, way)) this.#step(call, leg, { kind: 'key', key });
  }

  #pad(call: Call, leg: Leg): Pad {
    const pad = this.#pads.get(leg) ?? {
      keys: noKeys,
      timer: undefined,
      push: undefined,
      once: new KeyOnce(call.context.clock),
      forwarded: undefined,
    };
    this.#pads.set(leg, pad);
    return pad;
  }

  #step(call: Call, leg: Leg, event: KeyEvent): void {
    const pad = this.#pad(call, leg);
    const [keys, effects] = stepKeys(pad.keys, event, this.#parts.settings.features.codes.push);
    pad.keys = keys;
    for (const effect of effects) this.#carryOut(call, leg, pad, effect);
  }

  #carryOut(call: Call, leg: Leg, pad: Pad, effect: KeyEffect): void {
    const { features } = this.#parts.settings;
    if (effect.do === 'forward') for (const key of effect.keys) this.#forward(call, leg, pad, key);
    else if (effect.do === 'beep') play(call, leg, 'beep');
    else if (effect.do === 'error-tone') play(call, leg, 'error');
    else if (effect.do === 'cancel') pad.push?.cancel('Cancelled');
    else if (effect.do === 'push') this.#push(call, leg, pad, effect.extension);
    else {
      pad.timer?.cancel();
      pad.timer = undefined;
      if (effect.do !== 'wait') return;
      const seconds = effect.for === 'star' ? features.starSeconds : features.push.dialSeconds;
      pad.timer = call.context.clock.after(seconds * 1000, () => this.#step(call, leg, { kind: 'timeout' }));
    }
  }

  #forward(call: Call, leg: Leg, pad: Pad, key: Key): void {
    const send = () => forward(call, leg, key);
    const sent = (pad.forwarded === undefined ? send() : pad.forwarded.then(send))
      .catch((error: unknown) => call.log.warn({ error: String(error) }, 'digit not passed on'))
      .finally(() => {
        if (pad.forwarded === sent) pad.forwarded = undefined;
      });
    pad.forwarded = sent;
  }

  #push(call: Call, leg: Leg, pad: Pad, extension: string): void {
    const party = call.partyOf(leg);
    const by = nameOf(leg.endpoint);
    const started = party === undefined ? undefined : push(this.#parts, { call, party, extension, by });
    if (!(started instanceof Push)) {
      play(call, leg, 'error');
      this.#step(call, leg, { kind: 'push-over' });
      return;
    }
    pad.push = started;
    this.#whenOver(started, leg, pad);
  }

  #whenOver(started: Push, leg: Leg, pad: Pad): void {
    const { call } = started;
    void started.done.then((moved) => {
      if (pad.push !== started) return;
      pad.push = undefined;
      this.#step(call, leg, { kind: 'push-over' });
      // Who gave it up knows that it is over.
      if (!moved && !started.cancelled && leg.state === 'active') play(call, leg, 'error');
    });
  }
}

/** Whether a phone takes telephone events, and so sends its keys as such (RFC 4733). */
const sendsEvents = ({ sdp }: Leg): boolean =>
  audioCodecs(sdp).some((codec) => codec.name.startsWith('telephone-event/'));

/** A digit meant for the far end: as an event in its stream where it takes those, else by INFO. */
async function forward(call: Call, leg: Leg, { digit, durationMs }: Key): Promise<void> {
  const party = call.partyOf(leg);
  const far = party === undefined ? undefined : call.other(party).leg;
  if (far === undefined) return;
  const byInfo = () =>
    void far.dialog?.request('INFO', {
      headers: { 'Content-Type': 'application/dtmf-relay' },
      body: `Signal=${digit}\r\nDuration=${durationMs}\r\n`,
    });
  if (!sendsEvents(far)) return byInfo();
  const duration = Math.min(5000, Math.max(100, durationMs));
  await call.media.command('play DTMF', { 'from-tag': leg.tag, code: digit, duration }).catch(byInfo);
}
