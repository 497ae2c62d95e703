import type { Clock, Logger, Random } from '../base/index.ts';
import { bracketHost, type Flow, type Listener, type TimerValues, type UserAgentCore } from '../sip/index.ts';
import type { AdminServer } from './admin-server.ts';
import type { Application } from './application.ts';
import { callRecords, noCallRecords } from './call-records.ts';
import { Backpressure } from './backpressure.ts';
import type { Command } from './command.ts';
import { authenticate } from './commands/authenticate.ts';
import { cancelRequest } from './commands/cancel-request.ts';
import { inDialogRequest } from './commands/in-dialog-request.ts';
import { newRequest } from './commands/new-request.ts';
import type { OutgoingOptions } from './commands/outgoing.ts';
import { ping } from './commands/ping.ts';
import { proxy } from './commands/proxy.ts';
import { removeRoute } from './commands/remove-route.ts';
import { respond } from './commands/respond.ts';
import { route } from './commands/route.ts';
import { sip } from './commands/sip.ts';
import { ContactFlows } from './contact-flows.ts';
import { FlowWatch } from './flow-watch.ts';
import { Gateway } from './gateway.ts';
import type { Fetch } from './handlers/query.ts';
import { OutboundHandlers } from './handlers/request-handlers.ts';
import { Ledger } from './ledger.ts';
import type { EngineSettings } from './options.ts';
import { Owners, type Owner } from './owner.ts';
import { ProxyTable } from './proxy/proxy-table.ts';
import { SipEvents } from './sip-events.ts';
import { Verbs } from './verbs.ts';

/** The protocol that this engine speaks is that of drachtio-server 0.9.10; clients read the number. */
export const version = 'v0.9.10-flipswitch';

const addressList = (listeners: readonly Listener[], which: 'external' | 'local'): string =>
  listeners
    .map(({ protocol, local, external }) => {
      const { address, port } = which === 'external' ? (external ?? local) : local;
      return `${protocol}/${bracketHost(address)}:${port}`;
    })
    .join(',');

/** Ends what an application left behind: 503 to who waits, CANCEL to who rings, BYE to who talks. */
const releaseWith =
  (core: () => UserAgentCore, ledger: Ledger, log: Logger) =>
  (owner: Owner): void => {
    const { waiting, outgoing, dialogs } = owner;
    log.warn(
      { waiting: waiting.size, outgoing: outgoing.size, dialogs: dialogs.size },
      'application did not come back: its calls are ended',
    );
    for (const incoming of Array.from(waiting.values())) {
      ledger.answered(incoming.id);
      core().respond(incoming, { status: 503 });
    }
    const reason = 'SIP;cause=503;text="Application gone"';
    for (const request of Array.from(outgoing.values())) {
      ledger.completed(request.id);
      if (request.method === 'INVITE') core().abandon(request, reason);
    }
    for (const dialog of Array.from(dialogs.values())) core().end(dialog, reason);
  };

const present = <T>(part: T | undefined): T => {
  if (part === undefined) throw new Error('the engine is not up');
  return part;
};

type SharedParts = OutgoingOptions & { readonly flows: ContactFlows; readonly backpressure: Backpressure };

/** The application side of an engine: everything between the stack and the admin connections. */
export class ApplicationSide {
  readonly verbs = new Verbs<Application>();
  readonly ledger = new Ledger();
  readonly owners: Owners;
  readonly flows: ContactFlows;
  readonly backpressure: Backpressure;
  readonly proxies: ProxyTable;
  readonly gateway: Gateway;
  readonly commands: ReadonlyMap<string, Command>;
  core: UserAgentCore | undefined;
  admin: AdminServer | undefined;
  readonly #watch: FlowWatch;
  readonly #handlers: OutboundHandlers;

  constructor(
    settings: EngineSettings,
    around: { readonly clock: Clock; readonly random: Random; readonly fetch: Fetch },
    timers: TimerValues,
    log: Logger,
  ) {
    const { clock } = around;
    const { verbs, ledger } = this;
    const core = (): UserAgentCore => present(this.core);
    const events = new SipEvents(clock);
    const records = settings.cdrs ? callRecords(verbs, () => clock.wall()) : noCallRecords;
    this.flows = new ContactFlows(clock);
    this.backpressure = new Backpressure({
      clock,
      lateMs: settings.limits?.applicationLateMs ?? 250,
      probe: (told) => core().transport.probe?.(told),
    });
    this.#watch = new FlowWatch(verbs, this.flows, { events, random: around.random });
    this.owners = new Owners(clock, settings.applicationGraceMs ?? 5_000, releaseWith(core, ledger, log));
    this.proxies = new ProxyTable(() => ({ core: core(), clock, timerC: timers.c }));
    const shared = {
      core,
      ledger,
      owners: this.owners,
      events,
      records,
      flows: this.flows,
      backpressure: this.backpressure,
    };
    this.#handlers = new OutboundHandlers({
      handlers: settings.requestHandlers ?? [],
      core,
      admin: () => present(this.admin),
      proxies: this.proxies,
      verbs,
      fetch: around.fetch,
      log,
      offer: (incoming, application, receivedOn) => this.gateway.offer(incoming, application, receivedOn),
    });
    this.gateway = new Gateway({
      ...shared,
      verbs,
      proxies: this.proxies,
      handlers: this.#handlers,
      screen: { spammers: settings.spammers ?? [], optionsAutoRespond: settings.optionsAutoRespond },
    });
    this.commands = this.#commandTable(settings, shared);
  }

  flowClosed(flow: Flow): void {
    this.#watch.closed(flow);
  }

  lost(application: Application): void {
    this.verbs.removeAll(application);
    this.owners.lost(application);
  }

  #commandTable(settings: EngineSettings, shared: SharedParts): ReadonlyMap<string, Command> {
    const greeting = (): string => {
      const { listeners } = shared.core().transport;
      return `${addressList(listeners, 'external')}|${version}|${addressList(listeners, 'local')}`;
    };
    const onAuthenticated = (application: Application): void => {
      this.owners.arrived(application);
      this.#handlers.authenticated(application);
    };
    return new Map<string, Command>([
      ['authenticate', authenticate({ secret: settings.admin.secret, greeting, onAuthenticated })],
      ['ping', ping],
      ['route', route(this.verbs)],
      ['remove_route', removeRoute(this.verbs)],
      ['proxy', proxy({ ...shared, proxies: this.proxies })],
      [
        'sip',
        sip({
          respond: respond(shared),
          inDialog: inDialogRequest(shared),
          cancel: cancelRequest(shared),
          newRequest: newRequest({ ...shared, outboundProxy: settings.outboundProxy }),
        }),
      ],
    ]);
  }
}
