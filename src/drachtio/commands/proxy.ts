import { refuse } from '../admin-server.ts';
import { parseAppMessage } from '../app-message.ts';
import type { Command } from '../command.ts';
import { answerOwned, draftHeaders } from '../header-rules.ts';
import type { Ledger } from '../ledger.ts';
import { hopsLeft } from '../proxy/forward.ts';
import { parseProxyOrder } from '../proxy/proxy-order.ts';
import type { ProxyTable } from '../proxy/proxy-table.ts';
import { tokenText } from '../reply-text.ts';
import type { SipEvents } from '../sip-events.ts';
import type { UserAgentCore } from '../../sip/index.ts';

export type ProxyCommandOptions = {
  readonly core: () => UserAgentCore;
  readonly ledger: Ledger;
  readonly proxies: ProxyTable;
  readonly events: SipEvents;
};

const reachable = (target: string): boolean => /^(sips?|tel):\S+$/i.test(target);

/** `proxy|<transaction>|…|<target>|…`: sends a request on to its targets. */
export const proxy =
  (options: ProxyCommandOptions): Command =>
  (application, { id, tokens, sip }) => {
    const order = parseProxyOrder(tokens);
    if (order === undefined)
      return refuse(application, id, 'Invalid proxy request: not enough information provided');
    const { core, ledger, proxies, events } = options;
    const incoming = ledger.findWaiting(order.transactionId)?.what;
    if (incoming === undefined)
      return application.reply(id, `NOK|Unknown transaction id: ${tokenText(order.transactionId)}`);
    const reject = (status: number, text: string): void => {
      ledger.answered(incoming.id);
      core().respond(incoming, { status });
      application.reply(id, `NOK|${text}`);
    };
    if (hopsLeft(incoming.request) === 0)
      return reject(483, 'Rejected with 483 Too Many Hops due to Max-Forwards value of 0');
    if (order.targets.length === 0 || !order.targets.every(reachable))
      return reject(500, 'error proxying request to ');
    const message = parseAppMessage(sip);
    const fields = typeof message === 'string' ? [] : draftHeaders(message.headers, answerOwned).headers;
    ledger.answered(incoming.id);
    if (!order.fullResponse) application.reply(id, 'OK|done');
    proxies.start(
      order,
      { incoming, fields },
      {
        onFinal: (response, event) => {
          if (order.fullResponse) events.proxied(application, id, response, event);
        },
        onDone: () => {
          if (order.fullResponse) application.reply(id, 'OK|done');
        },
      },
    );
  };
