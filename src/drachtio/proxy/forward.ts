import {
  bracketHost,
  createRequest,
  parseNameAddress,
  type Destination,
  type HeaderField,
  type Listener,
  type SipRequest,
  type SipResponse,
  type UserAgentCore,
} from '../../sip/index.ts';

/** Hops that the request may still take, before this one; undefined: it does not say. */
export const hopsLeft = (request: SipRequest): number | undefined => {
  const text = request.headers.get('max-forwards')?.trim();
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined;
};

const routeUri = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : parseNameAddress(value)?.uri;

/** Whether the topmost Route names this server as a loose router. */
export const routedHere = (request: SipRequest, core: UserAgentCore): boolean => {
  const uri = routeUri(request.headers.list('route')[0]);
  return uri !== undefined && /;lr(?:[=;?]|$)/i.test(uri) && core.isOwn(uri);
};

/** A copy to send on: one hop fewer, our own Routes taken off (RFC 3261 §16.4, §16.6 steps 1 to 3). */
export const copyRequest = (request: SipRequest, core: UserAgentCore, uri: string): SipRequest => {
  const copy = createRequest(request.method, uri, request.headers, request.body);
  while (routedHere(copy, core)) copy.headers.shift('route');
  copy.headers.set('Max-Forwards', String((hopsLeft(request) ?? 71) - 1));
  return copy;
};

/** Where a request with its own Routes taken off goes next (RFC 3261 §16.6 steps 6 and 7). */
export const nextHopOf = (request: SipRequest): string =>
  routeUri(request.headers.list('route')[0]) ?? request.uri;

const recordRouteOf = (listener: Listener): string => {
  const { address, port } = listener.external ?? listener.local;
  const transport = listener.protocol === 'udp' ? '' : `;transport=${listener.protocol}`;
  return `<sip:${bracketHost(address)}:${port}${transport};lr>`;
};

/**
 * Keeps this server in the dialog (RFC 3261 §16.6 step 4): one Record-Route, or one for each side where the request
 * changes its transport here (RFC 5658 §5).
 */
export const recordRoute = (
  request: SipRequest,
  incoming: Listener | undefined,
  outgoing: Listener,
): void => {
  if (incoming !== undefined && incoming !== outgoing)
    request.headers.prepend('Record-Route', recordRouteOf(incoming));
  request.headers.prepend('Record-Route', recordRouteOf(outgoing));
};

/** A proxied REGISTER leaves a Path instead (RFC 3327 §5.2). */
export const recordPath = (request: SipRequest, outgoing: Listener): void => {
  request.headers.prepend('Path', recordRouteOf(outgoing));
};

export const applyFields = (request: SipRequest, fields: readonly HeaderField[]): void => {
  for (const { name, value } of fields) request.headers.set(name, value);
};

/** A response on its way back: our Via taken off (RFC 3261 §16.7 step 3). */
export const copyResponse = (response: SipResponse): SipResponse => {
  const headers = response.headers.clone();
  headers.shift('via');
  return { kind: 'response', status: response.status, reason: response.reason, headers, body: response.body };
};

/** The destinations of a URI, at once when it needs no name server. */
export const destinationsOf = (
  core: UserAgentCore,
  uri: string,
  found: (destinations: readonly Destination[]) => void,
): void => {
  const now = core.transport.destinationsNow(uri);
  if (now !== undefined) return found(now);
  core.transport.resolve(uri).then(found, () => found([]));
};
