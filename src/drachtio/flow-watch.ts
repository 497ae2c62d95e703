import type { Random } from '../base/index.ts';
import { bracketHost, createRequest, printHead, type Flow } from '../sip/index.ts';
import type { Application } from './application.ts';
import type { ContactFlows } from './contact-flows.ts';
import type { SipEvents } from './sip-events.ts';
import type { Verbs } from './verbs.ts';

/** The verb that applications subscribe to when they want to know of closed connections. */
const verb = 'flow-closed';

/** Tells applications that a peer's connection is gone, and with it every contact that it carried. */
export class FlowWatch {
  readonly #verbs: Verbs<Application>;
  readonly #flows: ContactFlows;
  readonly #events: SipEvents;
  readonly #random: Random;

  constructor(
    verbs: Verbs<Application>,
    flows: ContactFlows,
    tell: { readonly events: SipEvents; readonly random: Random },
  ) {
    this.#verbs = verbs;
    this.#flows = flows;
    this.#events = tell.events;
    this.#random = tell.random;
  }

  closed(flow: Flow): void {
    this.#flows.closed(flow);
    const told = this.#verbs.all(verb);
    if (told.length === 0 || !flow.reliable) return;
    const { address, port } = flow.remote;
    const peer = `${bracketHost(address)}:${port}`;
    const id = this.#random.hex(8);
    const message = createRequest('FLOW-CLOSED', `sip:${peer};transport=${flow.protocol}`, [
      { name: 'Via', value: `SIP/2.0/${flow.protocol.toUpperCase()} ${peer};branch=z9hG4bK${id}` },
      { name: 'From', value: `<sip:engine.invalid>;tag=${id}` },
      { name: 'To', value: '<sip:engine.invalid>' },
      { name: 'Call-ID', value: id },
      { name: 'CSeq', value: '1 FLOW-CLOSED' },
    ]);
    const event = { message, flow, bytes: printHead(message).length };
    const receivedOn = `${flow.local.address}|${flow.local.port}|`;
    for (const application of told)
      this.#events.received(application, event, { transactionId: `flow-${id}`, dialogId: '', receivedOn });
  }
}
