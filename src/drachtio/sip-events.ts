import type { Clock } from '../base/index.ts';
import {
  printMessage,
  spellOut,
  type Flow,
  type MessageEvent,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/index.ts';
import type { Application } from './application.ts';
import { printMeta, type Meta } from './leader.ts';

type Sent = {
  readonly message: SipMessage;
  readonly flow: Flow;
  readonly bytes: number;
  readonly wire?: Buffer | undefined;
};

const wireOf = ({ message, wire }: Sent): Buffer => wire ?? printMessage(message);

/** Writes SIP messages to applications: events, and the echo of what they sent. */
export class SipEvents {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message from the network. */
  received(
    application: Application,
    event: MessageEvent,
    ids: { readonly transactionId: string; readonly dialogId: string; readonly receivedOn?: string },
  ): void {
    const { message, flow, bytes } = event;
    // drachtio-srf knows ten of the twenty compact forms, and one of those wrongly.
    spellOut(message);
    const { transactionId, dialogId, receivedOn = '' } = ids;
    const meta = this.#meta('network', flow, bytes);
    application.event({ meta, transactionId, dialogId, receivedOn, message: printMessage(message) });
  }

  /** A response that was made here because the network gave none. */
  local(application: Application, response: SipResponse, transactionId: string, dialogId: string): void {
    const meta = this.#meta('network', undefined, 0);
    application.event({ meta, transactionId, dialogId, message: printMessage(response) });
  }

  /** A request that the engine sent by itself. */
  unsolicited(
    application: Application,
    sent: { readonly message: SipRequest; readonly flow: Flow | undefined; readonly bytes: number },
    dialogId: string,
  ): void {
    const { message, flow, bytes } = sent;
    const meta = this.#meta('application', flow, bytes, 'local');
    application.event({ meta, transactionId: 'unsolicited', dialogId, message: printMessage(message) });
  }

  /** OK to a command that sent a request. */
  requestSent(application: Application, commandId: string, sent: Sent, transactionId: string): void {
    const meta = printMeta(this.#meta('application', sent.flow, sent.bytes, 'local'));
    application.reply(commandId, `OK|${meta}|${transactionId}|Msg sent:|\r\n`, wireOf(sent));
  }

  /** OK to a command that sent a response. */
  responseSent(
    application: Application,
    commandId: string,
    sent: Sent,
    ids: { readonly transactionId: string; readonly dialogId: string },
  ): void {
    const meta = printMeta(this.#meta('application', sent.flow, sent.bytes));
    const leader = `OK|${meta}|${ids.transactionId}|${ids.dialogId}||Msg sent:|\r\n`;
    application.reply(commandId, leader, wireOf(sent));
  }

  /** Progress of a proxy command: the response of one target, or one made here in its place. */
  proxied(
    application: Application,
    commandId: string,
    response: SipResponse,
    event: MessageEvent | undefined,
  ): void {
    const meta = printMeta(this.#meta('network', event?.flow, event?.bytes ?? 0));
    application.reply(commandId, `OK|${meta}|||continue\r\n`, printMessage(response));
  }

  #meta(
    source: Meta['source'],
    flow: Flow | undefined,
    bytes: number,
    end: 'local' | 'remote' = 'remote',
  ): Meta {
    const wall = this.#clock.wall();
    if (flow === undefined) return { source, bytes, protocol: '', address: '', port: 0, wall };
    const { address, port } = flow[end];
    return { source, bytes, protocol: flow.protocol, address, port, wall };
  }
}
