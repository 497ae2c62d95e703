import { legAudio, type LegAudio } from './leg-audio.ts';
import { MediaFailure, type MediaEngine, type NgReply } from './media-engine.ts';
import { asAnswerToKeys } from './sdes.ts';
import {
  audioProtocol,
  familyOf,
  inLinesOf,
  sameNumbers,
  shareCodec,
  speechCodecs,
  type AddressFamily,
} from './session-description.ts';
import type { Refusal } from './signaling.ts';

/** A leg as the media engine knows it: its tag, and the session description that it last sent. */
export type MediaParty = { readonly tag: string; readonly sdp: string };

/** How a device is to be offered something; what is left out is plain RTP in the offerer's own terms. */
export type Offering = {
  readonly family?: AddressFamily;
  /** `RTP/SAVP` with keys in the description (RFC 4568). */
  readonly protocol?: string;
  /** Codecs to offer besides the offerer's own, which the engine makes out of those. */
  readonly transcode?: readonly string[];
  /** The engine sees to telephone events as well, whatever number and clock each side has for them. */
  readonly events?: boolean;
};

/**
 * One call's media. The far party of whatever happens is always the one that offers, in its own words, and each device
 * is a branch of its own: so the far party's ports, keys and streams stay as they are while devices come and go.
 * `port-latching` in every message keeps each local port for the life of the call.
 */
export class MediaSession {
  readonly callId: string;
  readonly #engine: MediaEngine;
  /** How each branch was offered, and what it was told. */
  readonly #branches = new Map<string, { readonly how: Offering; told: string }>();
  #state: 'unused' | 'open' | 'closed' = 'unused';
  /** The engine takes the blocking of digits together with an answer, as it said of its own accord. */
  #blocksWithAnswer = false;
  /** Legs whose digits were blocked with their answer, until that is asked for. */
  readonly #blocked = new Set<string>();

  constructor(engine: MediaEngine, callId: string) {
    this.#engine = engine;
    this.callId = callId;
  }

  /** Makes the SDP to offer to the device of `branch`, in the name of `from`; the same way as before where none is given. */
  async offer(from: MediaParty, branch: string, how?: Offering): Promise<string> {
    if (this.#state === 'unused') this.#state = 'open';
    const way = how ?? this.#branches.get(branch)?.how ?? {};
    const told = await this.#sdp('offer', {
      ...common,
      ...offering(from, way),
      // Who is heard before the answer is for the switch to say, which then tells the engine the answer.
      'early-media': 'no',
      'from-tag': from.tag,
      'via-branch': branch,
      sdp: from.sdp,
    });
    this.#branches.set(branch, { how: way, told });
    return told;
  }

  /**
   * Makes an offer for one more device while `talking` talks. rtpengine 10 turns what `from` sends to the new branch at
   * once, although nobody has answered there; so the two that talk are told again, which others take as it is.
   */
  async offerBeside(
    from: MediaParty,
    branch: string,
    talking: MediaParty & { readonly branch: string },
    how?: Offering,
  ): Promise<string> {
    const sdp = await this.offer(from, branch, how);
    await this.#again(from, talking, { 'via-branch': talking.branch });
    return sdp;
  }

  /**
   * Connects the device that answered on `branch`; yields the SDP for `from`, to be used on its first answer only. The digits
   * of the tags `blocked` are going to be blocked: an engine that takes that together with the answer needs no more commands.
   */
  async answer(
    from: MediaParty,
    branch: string,
    to: MediaParty,
    blocked: readonly string[] = [],
  ): Promise<string> {
    try {
      return await this.#answer(from, branch, to, blocked);
    } catch (error) {
      if (!(error instanceof MediaFailure) || error.message !== 'Unknown call-id') throw error;
      // The engine lost the call, or it is on another one now: what was offered is offered there.
      await this.offer(from, branch);
      return this.#answer(from, branch, to, blocked);
    }
  }

  async #answer(
    from: MediaParty,
    branch: string,
    to: MediaParty,
    blocked: readonly string[],
  ): Promise<string> {
    const together = this.#blocksWithAnswer && blocked.length > 0;
    const sdp = await this.#sdp('answer', {
      ...(together && { 'block-DTMF': blocked }),
      ...common,
      ...addresses(to, familyOf(from.sdp)),
      'from-tag': from.tag,
      'to-tag': to.tag,
      'via-branch': branch,
      sdp: asAnswerTo(this.#branches.get(branch)?.told ?? '', to.sdp),
    });
    if (together) for (const tag of blocked) this.#blocked.add(tag);
    return sdp;
  }

  /** A connected leg says something new (`from`); yields what answers it. The other leg is not asked. */
  renegotiate(from: MediaParty, to: MediaParty): Promise<string> {
    return this.#again(from, to, {});
  }

  /** Makes the SDP by which a connected leg (`to`) is to be asked to talk with `from`, in the words of `from`. */
  ask(to: MediaParty, from: MediaParty): Promise<string> {
    const { protocol, family } = offeringTo(from, to.sdp);
    const how = { ...(protocol && { protocol }), ...(family && { family }) };
    return this.#sdp('offer', {
      ...common,
      ...offering(from, how),
      'from-tag': from.tag,
      'to-tag': to.tag,
      sdp: from.sdp,
    });
  }

  /** Takes the answer to what `ask` made; yields the SDP for `from`. */
  agreed(to: MediaParty, from: MediaParty): Promise<string> {
    return this.#sdp('answer', {
      ...common,
      ...addresses(to, familyOf(from.sdp)),
      'from-tag': from.tag,
      'to-tag': to.tag,
      sdp: to.sdp,
    });
  }

  /** Says what both sides have said, to each the way it speaks itself. */
  async #again(from: MediaParty, to: MediaParty, more: Readonly<Record<string, unknown>>): Promise<string> {
    const tags = { ...common, ...more, 'from-tag': from.tag, 'to-tag': to.tag };
    const told = await this.#sdp('offer', {
      ...tags,
      ...offering(from, offeringTo(from, to.sdp)),
      sdp: from.sdp,
    });
    const sdp = asAnswerTo(told, to.sdp);
    return this.#sdp('answer', { ...tags, ...addresses(to, familyOf(from.sdp)), sdp });
  }

  /** Takes one device out. Without delay: with one, rtpengine would go on forwarding what it sends. */
  async release(tag: string): Promise<void> {
    await this.#quietly('delete', { 'from-tag': tag, 'delete-delay': 0 });
  }

  /** Takes out a device that was offered something and never answered. */
  async abandon(from: MediaParty, branch: string): Promise<void> {
    await this.#quietly('delete', { 'from-tag': from.tag, 'via-branch': branch, 'delete-delay': 0 });
  }

  async close(): Promise<void> {
    const used = this.#state === 'open';
    this.#state = 'closed';
    if (used) await this.#quietly('delete', { 'delete-delay': 0 });
  }

  /**
   * What the engine knows of a leg's audio. Asked for the one leg: rtpengine tells else of every device that was ever in
   * the call, which after some eighty flips is more than fits into a datagram.
   */
  async audioOf(tag: string): Promise<LegAudio> {
    return legAudio(await this.command('query', { 'from-tag': tag }), tag);
  }

  /** Rejects once the session is closed: a command that comes late must not bring the call back to life. */
  command(name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    if (this.#state === 'closed' && name !== 'delete')
      return Promise.reject(new MediaFailure('the call is over'));
    if (this.#isDone(name, fields['from-tag'])) return Promise.resolve({ result: 'ok' });
    return this.#engine.command(name, { 'call-id': this.callId, ...fields });
  }

  /** Lifts what was blocked with an answer where nobody asked for it in the end. */
  async unblockUnasked(): Promise<void> {
    if (this.#blocked.size === 0) return;
    await Promise.all([...this.#blocked].map((tag) => this.#quietly('unblock DTMF', { 'from-tag': tag })));
  }

  /** The first blocking of a leg's digits that was done with its answer; from then on each command is sent. */
  #isDone(name: string, tag: unknown): boolean {
    if (this.#blocked.size === 0 || !/^(un)?block DTMF$/.test(name)) return false;
    const done = typeof tag === 'string' && this.#blocked.delete(tag);
    return done && name === 'block DTMF';
  }

  async #sdp(name: string, fields: Readonly<Record<string, unknown>>): Promise<string> {
    const { sdp, capabilities } = await this.command(name, fields);
    if (name === 'offer')
      this.#blocksWithAnswer = Array.isArray(capabilities) && capabilities.includes('block-DTMF in answer');
    if (typeof sdp !== 'string') throw new MediaFailure(`${name} brought no SDP`);
    return sdp;
  }

  /** For what may fail without harm: the call is over, or the device is gone already. */
  async #quietly(name: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.command(name, fields);
    } catch (error) {
      if (!(error instanceof MediaFailure)) throw error;
    }
  }
}

const asAnswerTo = (told: string, said: string): string => asAnswerToKeys(told, inLinesOf(told, said));

/** Said only where the two sides differ: each is told of an address of its own family. */
const addresses = (said: MediaParty, family: AddressFamily | undefined) =>
  family === undefined || familyOf(said.sdp) === family ? {} : { 'address-family': family };

const common = {
  flags: ['port-latching', 'trust-address', 'inject-DTMF'],
  // A hold by null address is between the engine and who holds, too: whoever else is told gets a real address.
  replace: ['origin', 'session-connection', 'zero-address'],
  ICE: 'remove',
};

/** What the engine needs to know to offer `from` in that way. */
const offering = (
  from: MediaParty,
  { family, protocol = 'RTP/AVP', transcode = [], events = false }: Offering,
) => ({
  ...addresses(from, family),
  'transport-protocol': protocol,
  ...(protocol.includes('/SAVP') ? { DTLS: 'off' } : {}),
  ...(transcode.length === 0
    ? {}
    : {
        codec: {
          transcode: transcode.map(asEngineNames),
          ...(events ? { mask: ['telephone-event'] } : {}),
        },
      }),
});

/** Engines know codecs by the names of RFC 3551, and tell upper from lower case in none but that one. */
const asEngineNames = (codec: string): string =>
  codec.startsWith('opus/') ? codec : codec.replace(/\/.*$/, '').toUpperCase();

/** How `from` is to be offered to one who has said that much; an empty description has said nothing. */
export function offeringTo(from: MediaParty, said: string): Offering {
  const family = familyOf(said);
  const common = shareCodec(from.sdp, said);
  return {
    protocol: audioProtocol(said),
    ...(family === undefined ? {} : { family }),
    ...(said === '' || (common && sameNumbers(from.sdp, said))
      ? {}
      : { transcode: common ? anyCodec : speechCodecs(said), events: true }),
  };
}

/** rtpengine translates payload numbers only where it was told to transcode as well. */
const anyCodec = ['opus/48000/2'];

/** What a caller is told when the media engine refuses or is gone. */
export function mediaRefusal(error: unknown): Refusal {
  const text = error instanceof Error ? error.message : String(error);
  return /SDP|codec/i.test(text)
    ? { status: 488, reason: 'Session description not usable' }
    : { status: 500, reason: 'No media available' };
}
