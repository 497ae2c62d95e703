import type Srf from 'drachtio-srf';
import type { Clock, Emitter, Logger, Random } from '../base/index.ts';
import type { Readable } from 'node:stream';
import type {
  BindingStore,
  ColdRouteStore,
  DirectoryStore,
  MailboxStore,
  MessageQuery,
  RoutingStore,
  VoiceMessage,
} from '../stores/index.ts';
import type { CallEvents, CallView } from './call/call-view.ts';
import type { DialogFacts } from './call/dialog-facts.ts';
import type { MediaEngine } from './call/media-engine.ts';
import type { SwitchSettings } from './call/settings.ts';
import type { Reason } from './call/signaling.ts';
import type { AudioInlets } from './terminal/audio-inlet.ts';
import type { Authenticator } from './registrar/index.ts';
import type { ResolveName } from './trunks/sources.ts';
import type { TrunkStates } from './trunks/trunks.ts';
import type { CallRouting, Calendars, LookUps } from './routing/call-routing.ts';

export { createSwitch } from './switch.ts';
export { createMediaEngine, type MediaNode } from './call/rtpengine.ts';
export { MediaFailure, type MediaEngine, type NgReply } from './call/media-engine.ts';
export { defaultSettings, type SwitchSettings } from './call/settings.ts';
export type { DialogFacts } from './call/dialog-facts.ts';
export { profilesOf } from './routing/call-routing.ts';
export { isTimeZone } from './routing/schedules.ts';
export { fromTemplate, type TemplateParameters } from './routing/templates.ts';
export type { ResolveName } from './trunks/sources.ts';
export type { TrunkEvents, TrunkState, TrunkStates } from './trunks/trunks.ts';
export type { AudioInlet, AudioInlets, Take } from './terminal/audio-inlet.ts';
export type { CallEvents, CallView, FlipKind, FlipView, LegView } from './call/call-view.ts';

/** All that the switch needs; the composition root makes each part. `srf` is connected, or will be. */
export type SwitchParts = {
  readonly srf: Srf;
  readonly media: MediaEngine;
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly coldRoutes: ColdRouteStore;
  readonly routing: RoutingStore;
  /** What rules ask beside the stores; without, nothing is known. */
  readonly calendars?: Calendars;
  readonly lookUps?: LookUps;
  /** Where the sound of legs arrives that end here; without, none can. */
  readonly inlets?: AudioInlets;
  /** Where messages are kept, and the folder of their sound; without, there are no mailboxes. */
  readonly mailboxes?: { readonly store: MailboxStore; readonly folder: string };
  readonly authenticator: Authenticator;
  readonly settings: SwitchSettings;
  /** Looks up the names of carriers; without it, only addresses are known. */
  readonly resolveName?: ResolveName;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
};

/** Who asks for something through the API. An administrator may touch every call of the domain. */
export type Asker = { readonly domain: string; readonly userId?: string; readonly admin: boolean };

export type FlipTarget =
  { readonly device: string } | { readonly to: 'other-devices' } | { readonly extension: string };

/** `status` is what HTTP answers: 403, 404, 409, 422. */
export type Outcome<T> =
  ({ readonly ok: true } & T) | { readonly ok: false; readonly status: number; readonly reason: string };

/** The one device that rings for a user. `device` is its extension, `setAt` wall-clock milliseconds. */
export type ColdRouteView = {
  readonly device: string;
  readonly name: string;
  readonly setAt: number;
  readonly setBy: string;
};

export type ColdRouteOutcome = Outcome<{ readonly coldRoute: ColdRouteView | undefined }>;

/** `users/{ext}/cold-route`: of any user for an administrator, of the own one for a user; 404 for all others. */
export interface ColdRoutes {
  get(extension: string, asker: Asker): ColdRouteOutcome;
  /** `device` is an extension of the user's own; `undefined` lets all devices ring again. Counts from the next call on. */
  set(extension: string, device: string | undefined, asker: Asker): Promise<ColdRouteOutcome>;
}

type Message = { readonly message: VoiceMessage };
type Messages = {
  readonly items: readonly VoiceMessage[];
  readonly next?: string;
};

/** `mailboxes/{ext}`: of any user for an administrator, the own one for a user; 404 for all others. */
export interface Mailboxes {
  summary(
    extension: string,
    asker: Asker,
  ): Promise<Outcome<{ readonly all: number; readonly unheard: number }>>;
  list(
    extension: string,
    query: Omit<MessageQuery, 'userId'>,
    asker: Asker,
  ): Promise<Outcome<{ readonly page: Messages }>>;
  get(extension: string, id: string, asker: Asker): Promise<Outcome<Message>>;
  /** Its WAV file as it is read, with its octets. Whoever gets it reads it, or destroys it. */
  sound(
    extension: string,
    id: string,
    asker: Asker,
  ): Promise<Outcome<Message & { readonly size: number; readonly stream: Readable }>>;
  mark(extension: string, id: string, heard: boolean, asker: Asker): Promise<Outcome<Message>>;
  /** The message and its sound. */
  remove(extension: string, id: string, asker: Asker): Promise<Outcome<object>>;
}

export interface Switch {
  readonly events: Emitter<CallEvents>;
  readonly trunks: TrunkStates;
  readonly coldRoutes: ColdRoutes;
  readonly mailboxes: Mailboxes;
  /** What rules come to, and what the policy says of them. */
  readonly rules: CallRouting;
  /** How many calls live, of all domains; counted, not listed. */
  liveCalls(): number;
  /** Live calls, newest first: all of the domain for an administrator, the own ones for a user. */
  listCalls(asker: Asker): readonly CallView[];
  getCall(id: string, asker: Asker): CallView | undefined;
  /** Starts a flip and answers at once; its progress is on `events`. */
  flipCall(id: string, target: FlipTarget, asker: Asker): Outcome<{ readonly flipId: string }>;
  cancelFlip(id: string, asker: Asker): Outcome<object>;
  endCall(id: string, asker: Asker): Outcome<object>;
  /** Whether codes pressed in this call are looked for; without, every key goes to the other side. */
  setCallCodes(id: string, on: boolean, asker: Asker): Outcome<object>;
  /** The confirmed dialogs of a live call, as they are now. */
  dialogsOf(callId: string): readonly DialogFacts[];
  /** BYE in a dialog that an earlier process had; resolves when it was answered, or will not be. */
  endDialog(dialog: DialogFacts, reason: Reason): Promise<void>;
  /** One datagram of the media engine's DTMF log (JSON). What is not understood is dropped. */
  dtmfLog(datagram: Uint8Array): void;
  /** No new calls from here on; resolves when the last call has ended, or after the seconds given, by BYE. */
  drain(seconds: number): Promise<void>;
  describe(): object;
  /** Leaves the carriers where it is registered. Calls are `drain`'s. */
  close(): Promise<void>;
}
