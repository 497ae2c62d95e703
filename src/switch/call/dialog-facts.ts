import { ownText } from '../../base/index.ts';
import type { Flow } from '../../stores/index.ts';
import { flowOf, routeTo } from '../registrar/index.ts';
import type { Switch } from '../index.ts';
import type { Calls } from './calls.ts';
import { reasonHeader, type Reason, type Signaling } from './signaling.ts';
import type { SrfDialog, SrfMessage } from './srf-types.ts';

/** What a request inside a dialog is made of (RFC 3261 §12.1), where the engine that knew the dialog is gone. */
export type DialogFacts = {
  readonly callId: string;
  /** Our side and theirs as they stand in From and To, tags included. */
  readonly local: string;
  readonly remote: string;
  /** Their Contact. */
  readonly target: string;
  /** Route values, first hop first. */
  readonly routes: readonly string[];
  /** Where their INVITE or answer came from. */
  readonly flow: Flow;
};

const withTag = (address: string, tag: string): string =>
  /;\s*tag=/i.test(address) ? address : `${/[<>]/.test(address) ? address : `<${address}>`};tag=${tag}`;

/** Commas divide values, but not those within the angle brackets of a URI or in a quoted name. */
const routesIn = (message: SrfMessage): string[] =>
  [...(message.get('Record-Route') ?? '').matchAll(/(?:"[^"]*"|<[^>]*>|[^,])+/g)].map(([value]) =>
    value.trim(),
  );

/** `undefined` for a dialog that says too little of itself. All of it is text of its own: the messages may go. */
export function factsOf(dialog: SrfDialog): DialogFacts | undefined {
  const { type, req, res, sip, remote } = dialog;
  if (req === undefined || res === undefined) return undefined;
  const heard = type === 'uas' ? req : res;
  const [from, to] = [req.get('From') ?? '', (type === 'uas' ? req : res).get('To') ?? ''];
  const [local, far] = type === 'uas' ? [to, from] : [from, to];
  const routes = routesIn(heard).map(ownText);
  const flow = flowOf(heard);
  return {
    callId: ownText(sip.callId),
    local: ownText(withTag(local, sip.localTag)),
    remote: ownText(withTag(far, sip.remoteTag)),
    target: ownText(remote.uri),
    // RFC 3261 §12.1.1 and §12.1.2: who was called has them in order, who called the other way round.
    routes: type === 'uas' ? routes : routes.toReversed(),
    flow: { ...flow, address: ownText(flow.address) },
  };
}

/**
 * Higher than any that the dialog has come to: a peer takes whatever is higher than the last, and below 2³¹ it has to
 * stay (RFC 3261 §8.1.1.5, §12.2.2).
 */
const lastCSeq = 2_000_000_000;

/** A BYE in a dialog of an earlier process; whatever comes back, it is over (RFC 3261 §15.1.1). */
async function bye(signaling: Signaling, facts: DialogFacts, reason: Reason): Promise<void> {
  const { callId, local, remote, target, routes, flow } = facts;
  // A connection of that time is gone; where the peer listens, another one can be opened.
  const connectionGone = flow.protocol !== 'udp' && routes.length === 0;
  const route = connectionGone ? { uri: target } : routeTo({ contact: target, flow, path: routes });
  await signaling.request('BYE', route, {
    headers: {
      'Call-ID': callId,
      From: local,
      To: remote,
      CSeq: `${lastCSeq} BYE`,
      Reason: reasonHeader(reason),
    },
  });
}

/** What the journal of calls asks of live dialogs, and does to those that nobody else knows any more. */
export const dialogControl = (
  calls: Calls,
  signaling: Signaling,
): Pick<Switch, 'dialogsOf' | 'endDialog'> => ({
  dialogsOf: (callId) =>
    (calls.get(callId)?.legs ?? []).flatMap(({ state, dialog }) =>
      state === 'active' && dialog?.facts !== undefined ? [dialog.facts] : [],
    ),
  endDialog: (facts, reason) => bye(signaling, facts, reason),
});
