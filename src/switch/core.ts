import { Emitter, SourceRate } from '../base/index.ts';
import { Announcements, parseAnnouncement } from './call/announcements.ts';
import type { Call, CallContext } from './call/call.ts';
import { userOf } from './call/endpoint.ts';
import type { CallEvents } from './call/call-view.ts';
import { Calls } from './call/calls.ts';
import { dialogControl } from './call/dialog-facts.ts';
import { watchBindings } from './call/watch-bindings.ts';
import type { Overload } from './call/overload.ts';
import type { Ring } from './call/ring.ts';
import type { Incoming, Signaling } from './call/signaling.ts';
import { wayIn, type WayInParts } from './call/way-in.ts';
import { Forwardings } from './call/forwardings.ts';
import { CallConfirms } from './features/call-confirm.ts';
import { FlipsByApi } from './features/flip-by-api.ts';
import { parseDtmfLog } from './features/dtmf.ts';
import { Keypads } from './features/keypad.ts';
import { ColdRoutesByApi } from './features/cold-route.ts';
import { HoldMusic } from './features/hold-music.ts';
import { onInvite } from './features/on-invite.ts';
import { Rehome } from './features/rehome.ts';
import { Rescues } from './features/rescues.ts';
import { recordCalls } from './features/recording.ts';
import { watchSilence } from './features/silence-watch.ts';
import { transfer } from './features/transfer.ts';
import type { Asker, Mailboxes, Outcome, Switch, SwitchParts } from './index.ts';
import { CallRouting, noCalendars, noLookUps } from './routing/call-routing.ts';
import { noInlets } from './terminal/audio-inlet.ts';
import { Terminals } from './terminal/terminals.ts';
import { Trunks } from './trunks/trunks.ts';
import { MailboxesByApi, noMailboxes } from './voicemail/mailboxes-by-api.ts';
import { MessageFiles } from './voicemail/message-files.ts';
import { Voicemail } from './voicemail/voicemail.ts';

export type CoreParts = Omit<SwitchParts, 'srf' | 'authenticator'> & {
  readonly signaling: Signaling;
  readonly authenticate: WayInParts['authenticate'];
  readonly overload?: Overload;
};

/** The switch without a wire: what `createSwitch` puts on drachtio-srf, and tests on phones made of objects. */
export type Core = Switch & {
  enter(incoming: Incoming, dialled: string): Promise<void>;
  readonly calls: Calls;
  readonly terminals: Terminals;
};

export function createCore(parts: CoreParts): Core {
  const { settings, directory, bindings, coldRoutes, clock, log } = parts;
  const calls = new Calls();
  const terminals = new Terminals(parts.inlets ?? noInlets, calls);
  const rings = new Set<Ring>();
  const trunks = new Trunks({ ...parts, emergencyNumbers: settings.emergencyNumbers });
  const context = contextOf(parts, trunks, {
    watches: (call, leg) => keypads.watches(call, leg),
    connected: (call, leg) => [terminals, music, keypads].forEach((one) => one.connected(call, leg)),
    info: (call, leg, request) => [confirms, terminals, keypads].some((one) => one.info(call, leg, request)),
    refer: (call, leg, request) => transfer(pushing, call, leg, request),
    alive: (leg) => rescues.alive(leg),
    gone: (call, leg) => rescues.gone(call, leg),
  });
  const rules = rulesOf(parts, calls);
  const { voicemail, mailboxes } = mailboxesOf(parts, terminals, context);
  const pushing = { directory, bindings, coldRoutes, settings, trunks, rings, calls, pushes: new Map() };
  const keypads = new Keypads(pushing, (call, leg) => terminals.faces(call, leg));
  const confirms = new CallConfirms();
  const flips = new FlipsByApi(pushing, keypads);
  const rescues = new Rescues(pushing, context);
  const music = new HoldMusic(calls, context);
  const rehome = new Rehome(calls, context);
  recordCalls(directory, calls, context);
  watchSilence(calls, context, (call, leg) => void rescues.suspect(call, leg, 'silent'));
  let accepting = true;
  const enter = wayIn({
    ...pushing,
    rules,
    context,
    rate: rateOf(context),
    overload: parts.overload,
    forwardings: new Forwardings(rules),
    ask: (call, leg) => confirms.ask(call, leg),
    accepting: () => accepting,
    authenticate: parts.authenticate,
    voicemail,
    features: onInvite({ calls, directory, coldRoutes, settings, context, rules }),
  });
  watchBindings(bindings, calls, rings);
  const heard = { keypads, confirms, terminals, rescues, rehome };
  return {
    enter,
    calls,
    terminals,
    rules,
    trunks,
    mailboxes,
    events: context.events,
    ...callControl(calls, flips, keypads, parts.signaling),
    coldRoutes: new ColdRoutesByApi({ directory, coldRoutes, clock, log }),
    dtmfLog: (datagram) => told(datagram, context, heard),
    drain: (seconds) => {
      accepting = false;
      return drained(calls, context, seconds);
    },
    describe: () => ({ calls: calls.all().map((call) => call.view()), trunks: trunks.all(), accepting }),
    close: () => trunks.close(),
  };
}

function contextOf(parts: CoreParts, trunks: Trunks, phone: CallContext['phone']): CallContext {
  const { settings, clock, random, log } = parts;
  return {
    signaling: trunks.signaling,
    engine: parts.media,
    settings,
    events: new Emitter<CallEvents>(),
    clock,
    random,
    log,
    announcements: new Announcements(),
    phone,
  };
}

function mailboxesOf(
  { mailboxes: kept, directory, log }: CoreParts,
  terminals: Terminals,
  context: CallContext,
): { readonly voicemail: Voicemail | undefined; readonly mailboxes: Mailboxes } {
  if (kept === undefined) return { voicemail: undefined, mailboxes: noMailboxes };
  const { store } = kept;
  const files = new MessageFiles(kept.folder);
  const voicemail = new Voicemail({ terminals, store, files, context });
  directory.events.on('changed', ({ what, id, removed }) => {
    if (what !== 'user' || !removed) return;
    voicemail
      .forget(id)
      .catch((error: unknown) => log.error({ error: String(error) }, 'messages of a user not removed'));
  });
  voicemail
    .recover()
    .catch((error: unknown) =>
      log.error({ error: String(error) }, 'messages of an earlier process not seen to'),
    );
  return { voicemail, mailboxes: new MailboxesByApi({ directory, store, files }) };
}

/** In a call is who talks, and who calls somebody; not who is being called. */
function rulesOf(parts: CoreParts, calls: Calls): CallRouting {
  const calling = (call: Call): string | undefined =>
    call.caller.leg === undefined ? undefined : userOf(call.caller.leg.endpoint)?.id;
  return new CallRouting({
    calendars: noCalendars,
    lookUps: noLookUps,
    ...parts,
    ringSeconds: parts.settings.ring.seconds,
    inCall: (userId) =>
      calls.ofUser(userId).some((call) => call.phase === 'talking' || calling(call) === userId),
  });
}

type Told = {
  readonly keypads: Keypads;
  readonly confirms: CallConfirms;
  readonly terminals: Terminals;
  readonly rescues: Rescues;
  readonly rehome: Rehome;
};

/** A digit, or what became of a stream. */
function told(
  datagram: Uint8Array,
  { announcements }: CallContext,
  { keypads, confirms, terminals, rescues, rehome }: Told,
): void {
  const event = parseDtmfLog(datagram);
  if (event !== undefined) {
    confirms.heard(event);
    terminals.heard(event);
    return keypads.heard(event);
  }
  const announcement = parseAnnouncement(datagram);
  if (announcement === undefined) return undefined;
  if (announcement.kind === 'lost') return rehome.lost(announcement.callId);
  announcements.heard(announcement);
  return rescues.announced(announcement);
}

function rateOf({ clock, settings: { limits } }: CallContext): SourceRate {
  return new SourceRate({ clock, perSecond: limits.callsPerSecond, burst: limits.callBurst });
}

const mayTouch = (call: Call, asker: Asker): boolean =>
  call.domain === asker.domain &&
  (asker.admin || (asker.userId !== undefined && call.users().has(asker.userId)));

function callControl(
  calls: Calls,
  flips: FlipsByApi,
  keypads: Keypads,
  signaling: Signaling,
): Omit<
  Switch,
  'events' | 'rules' | 'trunks' | 'mailboxes' | 'coldRoutes' | 'dtmfLog' | 'drain' | 'describe' | 'close'
> {
  const noCall = { ok: false, status: 404, reason: 'No such call' } as const;
  const visible = (id: string, asker: Asker): Call | undefined => {
    const call = calls.get(id);
    return call !== undefined && mayTouch(call, asker) ? call : undefined;
  };
  return {
    ...dialogControl(calls, signaling),
    liveCalls: () => calls.size,
    listCalls: (asker) =>
      calls
        .all()
        .filter((call) => mayTouch(call, asker))
        .map((call) => call.view()),
    getCall: (id, asker) => visible(id, asker)?.view(),
    flipCall: (id, target, asker) => {
      const call = visible(id, asker);
      return call === undefined ? noCall : flips.start(call, target, asker);
    },
    cancelFlip: (id, asker) => {
      const call = visible(id, asker);
      return call === undefined ? noCall : flips.cancel(call, asker);
    },
    setCallCodes: (id, on, asker) => {
      const call = visible(id, asker);
      if (call === undefined) return noCall;
      keypads.turn(call, on);
      return { ok: true };
    },
    endCall: (id, asker): Outcome<object> => {
      const call = visible(id, asker);
      if (call === undefined) return noCall;
      call.end('switch', { cause: 200, text: 'Ended by request' });
      return { ok: true };
    },
  };
}

function drained(calls: Calls, context: CallContext, seconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (calls.size === 0) return resolve();
    const timer = context.clock.after(seconds * 1000, () => {
      for (const call of calls.all()) call.end('switch', { cause: 503, text: 'Shutting down' });
    });
    const off = context.events.on('ended', () => {
      if (calls.size > 0) return;
      off();
      timer.cancel();
      resolve();
    });
    return undefined;
  });
}
