import { parseUri } from '../message/index.ts';
import type { Destination, TransportLayer } from '../transport/index.ts';
import type { CoreContext } from './context.ts';
import type { LiveDialog } from './live-dialog.ts';

/** A WebSocket is opened by the client alone (RFC 7118 §5): one that is closed cannot be had back from here. */
export const canBeDialled = (destination: Destination): boolean =>
  destination.kind === 'flow' || (destination.protocol !== 'ws' && destination.protocol !== 'wss');

/**
 * A URI that names no transport means UDP (RFC 3263 §4.1); where nothing here speaks UDP, it goes over what there is
 * rather than not at all.
 */
const reachable = (
  transport: TransportLayer,
  uri: string,
  found: readonly Destination[],
): readonly Destination[] => {
  if (found.some((destination) => transport.listenerFor(destination) !== undefined)) return found;
  if (parseUri(uri)?.parameters.has('transport') !== false) return found;
  const others = transport.listeners.flatMap(({ protocol }) =>
    found.flatMap((d): readonly Destination[] => (d.kind === 'address' ? [{ ...d, protocol }] : [])),
  );
  const open = others.filter((destination) => transport.listenerFor(destination) !== undefined);
  return open.length > 0 ? open : found;
};

/** Calls back with the destinations of a URI, at once when no look-up is needed (RFC 3263). */
export const destinationsOf = (
  { transport, logger }: CoreContext,
  uri: string,
  then: (destinations: readonly Destination[]) => void,
): void => {
  const now = transport.destinationsNow(uri);
  if (now !== undefined) return then(reachable(transport, uri, now));
  transport.resolve(uri).then(
    (found) => then(reachable(transport, uri, found)),
    (error: unknown) => {
      logger.warn({ uri, error: String(error) }, 'name could not be resolved');
      then([]);
    },
  );
};

const isAt = (destination: Destination, flow: NonNullable<LiveDialog['flow']>): boolean =>
  destination.kind === 'address' &&
  destination.protocol === flow.protocol &&
  destination.remote.port === flow.remote.port &&
  destination.remote.address === flow.remote.address;

/**
 * Where a request of a dialog goes: over the connection that the dialog runs on while it is open, to where its packets
 * come from when the peer is behind a NAT, else to what the next hop's URI resolves to.
 */
export const destinationsIn = (
  context: CoreContext,
  dialog: LiveDialog,
  nextHop: string,
  then: (destinations: readonly Destination[]) => void,
): void => {
  const { transport } = context;
  const { flow } = dialog;
  const open = flow !== undefined && transport.isOpen(flow) ? flow : undefined;
  if (open !== undefined && dialog.behindNat) return then([{ kind: 'flow', flow: open }]);
  const resolved = transport.destinationsNow(nextHop);
  const now = resolved && reachable(transport, nextHop, resolved);
  if (open?.reliable === true) return then([{ kind: 'flow', flow: open }, ...(now ?? [])]);
  const withFlow = (found: readonly Destination[]): void => {
    const [first] = found;
    if (open === undefined || (first !== undefined && !isAt(first, open))) return then(found);
    then([{ kind: 'flow', flow: open }, ...found.slice(1)]);
  };
  if (now !== undefined) return withFlow(now);
  destinationsOf(context, nextHop, withFlow);
};
