import { ngNumber, ngText, type NgDictionary } from '../../ng/index.ts';
import { digitEvent } from '../../rtp/index.ts';
import { isTelephoneEvent } from '../../sdp/index.ts';
import { keyTones } from '../links/keys.ts';
import { Player, type Sound } from '../links/player.ts';
import { Presser, type Press } from '../links/presser.ts';
import { clipMs, clipOf, clipSound, toneSound, type Clip } from '../links/sounds.ts';
import type { Outlet } from '../relay/outlet.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import { codecFor } from '../relay/route.ts';
import type { Stream } from '../relay/stream.ts';
import { needCall, Refusal } from './refusal.ts';
import { needTarget } from './target.ts';

const TONE_RATE = 8000;
const TONE_PREFIX = 'tone:';

type Piece = { readonly sound: () => Sound; readonly ms: number };

/**
 * Plays a WAV file (`file`), WAV octets (`blob`) or a tone (`file: tone:440+480/2000 0/4000`) to a party, in place of
 * what it hears; nobody else notices. `repeat-times` plays it that often. The reply has the duration in milliseconds.
 */
export function playMedia(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request, 'Unknown call-ID');
  const { parties } = needTarget(call, request);
  const piece = pieceOf(relay, request);
  let playing = 0;
  for (const stream of parties.flatMap(audioOf)) {
    const codec = codecFor(stream);
    if (codec === undefined) continue;
    call.perform(stream.outlet, new Player(stream.outlet, { codec, sound: piece.sound() }));
    playing++;
  }
  if (playing === 0) throw new Refusal('Failed to start media playback from file');
  return piece.ms === 0 ? {} : { duration: piece.ms };
}

function pieceOf(relay: Relay, request: NgDictionary): Piece {
  const times = Math.max(1, ngNumber(request, 'repeat-times') ?? 1);
  const blob = request['blob'];
  const file = ngText(request, 'file');
  if (file?.startsWith(TONE_PREFIX) === true) {
    const text = file.slice(TONE_PREFIX.length);
    const tone = toneSound(text, TONE_RATE);
    if (tone === undefined) throw new Refusal('Failed to start media playback from file');
    return { sound: () => toneSound(text, TONE_RATE)!.sound, ms: tone.ms };
  }
  let clip: Clip | undefined;
  if (file !== undefined) clip = relay.clips.read(file);
  else if (blob instanceof Uint8Array) clip = clipOf(blob);
  else throw new Refusal('No media file specified');
  if (clip === undefined) throw new Refusal('Failed to start media playback from file');
  const found = clip;
  return { sound: () => clipSound(found, times), ms: clipMs(found) * times };
}

/** Streams that can be played to: audio that its party receives, held or not. */
const audioOf = (party: Party): Stream[] =>
  party.streams.filter((s) => s.kind === 'audio' && s.isRtp && s.ports !== undefined && !s.rejected);

/** Ends what `play media` began. */
export function stopMedia(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request, 'Unknown call-ID');
  const { parties } = needTarget(call, request);
  const playing = parties.flatMap(audioOf).filter((s) => s.outlet.performance instanceof Player);
  if (playing.length === 0) throw new Refusal('Not currently playing media');
  for (const stream of playing) stream.outlet.perform(undefined);
  return {};
}

const SHORTEST_PRESS = 100;
const LONGEST_PRESS = 5000;
const DEFAULT_PRESS = 250;
const DEFAULT_PAUSE = 100;
const DEFAULT_VOLUME = 8;

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** Presses a key for a party: whoever hears that party receives the digit, as an event or else as its sound. */
export function playDtmf(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request, 'Unknown call-ID');
  const { parties } = needTarget(call, request);
  const press: Press = {
    event: eventOf(request),
    duration: clamp(ngNumber(request, 'duration') ?? DEFAULT_PRESS, SHORTEST_PRESS, LONGEST_PRESS),
    pause: clamp(ngNumber(request, 'pause') ?? DEFAULT_PAUSE, SHORTEST_PRESS, LONGEST_PRESS),
    volume: Math.min(63, Math.abs(ngNumber(request, 'volume') ?? DEFAULT_VOLUME)),
  };
  for (const stream of parties.flatMap(audioOf))
    for (const route of stream.routes)
      if (route.sink.outlet.current === route || route.sink.outlet.next === route) pressAt(route.sink, press);
  return {};
}

function eventOf(request: NgDictionary): number {
  const text = ngText(request, 'code') ?? ngText(request, 'digit') ?? '';
  const event = /^\d{1,2}$/.test(text) ? Number(text) : digitEvent(text);
  if (event < 0 || event > 15) throw new Refusal("Out of range 'code' specified");
  return event;
}

function pressAt(sink: Stream, press: Press): void {
  const { outlet } = sink;
  const audio = sink.codecs.find((c) => c.payloadType === outlet.payloadType) ?? sink.codecs[0];
  const events = sink.codecs.filter(isTelephoneEvent);
  const codec = events.find((c) => c.clockRate === audio?.clockRate) ?? events[0];
  if (codec === undefined) return soundAt(sink, outlet, press);
  if (outlet.performance instanceof Presser) return void outlet.performance.press(press);
  const presser = new Presser(outlet, codec);
  presser.press(press);
  sink.party.call.perform(outlet, presser);
}

function soundAt(sink: Stream, outlet: Outlet, { event, duration, pause }: Press): void {
  const codec = codecFor(sink);
  const tones = keyTones(event);
  if (codec === undefined || tones === undefined) return;
  const text = `!${tones}/${duration} !0/${pause}`;
  const { sound } = toneSound(text, TONE_RATE)!;
  sink.party.call.perform(outlet, new Player(outlet, { codec, sound }));
}
