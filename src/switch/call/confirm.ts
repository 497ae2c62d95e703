import { capabilities } from './capabilities.ts';
import type { CallContext } from './call.ts';
import { mediaRefusal, MediaSession, offeringTo } from './media-session.ts';
import { announcerOffer, asAnswer, withDirection } from './session-description.ts';
import { SipFailure, type Dialog, type Incoming, type Refusal } from './signaling.ts';
import { begin } from './sound.ts';
import type { Tone } from './tones.ts';

/** How long a phone may take to confirm (ACK) the answer, and after that to send its first packet. */
const ackMs = 5000;
const openMs = 400;
const pollMs = 20;
/** After the tone: it is still on its way through the phone's jitter buffer. */
const lingerMs = 300;

const done = { cause: 200, text: 'Done' };

/** A device that hears us: its media, and whether it is still there. */
type Listener = {
  readonly media: MediaSession;
  readonly tag: string;
  readonly acked: Promise<void>;
  /** Resolves when the phone hung up. */
  readonly gone: Promise<void>;
  readonly dialog: Dialog;
};

/**
 * Answers an INVITE that is no call to anybody: the device hears one tone and is hung up. `act` is what the tone
 * confirms; it runs once the media is there, and what it refuses is answered in place of the tone. Resolves when the
 * answer is out, with the refusal if there is one.
 */
export async function confirm(
  context: CallContext,
  incoming: Incoming,
  act: () => Promise<Refusal | undefined>,
  tone: Tone = 'confirmation',
): Promise<Refusal | undefined> {
  const media = new MediaSession(context.engine, context.random.hex(16));
  const quit = async (refusal: Refusal | undefined): Promise<Refusal | undefined> => {
    await media.close();
    return refusal;
  };
  try {
    const answer = await prepared(context, media, incoming);
    if (answer === undefined) return await quit({ status: 488, reason: 'No common codec' });
    const refusal = incoming.cancelled ? undefined : await act();
    if (refusal !== undefined || incoming.cancelled) return await quit(refusal);
    const listener = await answered(media, incoming, answer);
    void heard(context, listener, tone).catch((error: unknown) =>
      context.log.info({ tone, error: String(error) }, 'tone not played'),
    );
    return undefined;
  } catch (error) {
    context.log.info({ error: String(error) }, 'not confirmed');
    return await quit(
      error instanceof SipFailure ? { status: error.status, reason: error.message } : mediaRefusal(error),
    );
  }
}

/** What the 200 is to say, and how the answer in the ACK is taken where the INVITE had no offer. */
type Prepared = { readonly tag: string; readonly sdp: string; taken: (sdp: string) => Promise<unknown> };

async function prepared(
  { random }: CallContext,
  media: MediaSession,
  incoming: Incoming,
): Promise<Prepared | undefined> {
  const announcer = { tag: random.hex(8), sdp: announcerOffer };
  const tag = random.hex(8);
  const offer = await media.offer(announcer, tag, offeringTo(announcer, incoming.body));
  const taken = (sdp: string) => media.answer(announcer, tag, { tag, sdp });
  // The announcer takes nothing in; the phone need not know, and keeps its way through a NAT open.
  const both = (sdp: string) => withDirection(sdp, 'sendrecv');
  if (incoming.body === '') return { tag, sdp: both(offer), taken };
  const answer = asAnswer(offer, incoming.body, true);
  if (answer === undefined) return undefined;
  await taken(incoming.body);
  return { tag, sdp: both(answer), taken };
}

async function answered(
  media: MediaSession,
  incoming: Incoming,
  { tag, sdp, taken }: Prepared,
): Promise<Listener> {
  const acked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  acked.promise.catch(() => undefined);
  const dialog = await incoming.accept(sdp, capabilities, (said) => {
    if (incoming.body !== '') acked.resolve();
    else taken(said ?? '').then(() => acked.resolve(), acked.reject);
  });
  dialog.listen({
    ended: () => gone.resolve(),
    changed: (change) =>
      change.accept(change.method === 'UPDATE' && change.offer === undefined ? undefined : sdp),
    requested: (request) => request.respond(request.method === 'INFO' ? 200 : 405),
  });
  return { media, tag, acked: acked.promise, gone: gone.promise, dialog };
}

async function heard(
  { clock }: CallContext,
  { media, tag, acked, gone, dialog }: Listener,
  tone: Tone,
): Promise<void> {
  const state = { left: false };
  void gone.then(() => void (state.left = true));
  const pause = (ms: number, sooner: Promise<void> = gone) => {
    const over = Promise.withResolvers<void>();
    const timer = clock.after(ms, () => over.resolve());
    return Promise.race([over.promise, gone, sooner]).finally(() => timer.cancel());
  };
  try {
    await pause(ackMs, acked);
    for (let waited = 0; waited < openMs && !state.left; waited += pollMs) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      if ((await media.audioOf(tag)).packets > 0) break;
      // oxlint-disable-next-line no-await-in-loop -- likewise
      await pause(pollMs);
    }
    if (state.left) return;
    await pause((await begin(media, tag, { tone })) + lingerMs);
  } finally {
    if (!state.left) dialog.bye(done);
    await media.close();
  }
}
