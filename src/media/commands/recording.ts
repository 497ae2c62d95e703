import { accessSync, constants, mkdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ngText, type NgDictionary } from '../../ng/index.ts';
import { LEFT, Recording, RIGHT } from '../links/recording.ts';
import type { Call } from '../relay/call.ts';
import type { Relay } from '../relay/relay.ts';
import type { Stream } from '../relay/stream.ts';
import { needCall, Refusal } from './refusal.ts';

const UNIQUE_BYTES = 4;

/** Starts a call's recording, or goes on with one that was paused; the reply names the file. */
export function start(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  return { 'recording-file': startRecording(relay, call, ngText(request, 'output-destination')) };
}

export function startRecording(relay: Relay, call: Call, destination?: string): string {
  if (call.recording !== undefined) {
    call.recording.paused = false;
    return call.recording.path;
  }
  const path = pathFor(relay, call, destination);
  const { clock, logger } = relay;
  const channelOf = (stream: Stream) => (stream.party.side === 'left' ? LEFT : RIGHT);
  call.recording = new Recording({ path, clock, logger, channelOf });
  return path;
}

function pathFor(relay: Relay, call: Call, destination: string | undefined): string {
  const folder = relay.recordingDirectory;
  if (folder === undefined) throw new Refusal('Recording is not configured');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new Refusal(`Cannot write recordings to ${folder}: ${(error as Error).message}`);
  }
  // A client names a file, not a place: what it names stays inside the folder.
  const wanted = destination === undefined || isAbsolute(destination) ? '' : safe(destination);
  const name =
    wanted === '' ? `${safe(call.id)}-${relay.random.hex(UNIQUE_BYTES)}` : wanted.replace(/\.wav$/, '');
  return join(folder, `${name}.wav`);
}

const safe = (text: string) =>
  text
    .replaceAll(/[^A-Za-z0-9_.@-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 150);

/** Ends a recording; the event RECORDING tells when the file is whole, a moment later. */
export function stop(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  const path = call.endRecording();
  return path === undefined ? {} : { 'recording-file': path };
}

/** Leaves silence in the recording until it is started again. */
export function pause(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  if (call.recording !== undefined) call.recording.paused = true;
  return {};
}
