import { flowOf } from '../registrar/index.ts';
import type { Challenge, Reason, ResponseOptions, SipRequest } from './signaling.ts';
import type { SrfRequest, SrfResponse } from './srf-types.ts';

export const requestOf = (req: SrfRequest): SipRequest => ({
  method: req.method,
  uri: req.uri,
  body: req.body ?? '',
  source: flowOf(req),
  get: (header) => req.get(header),
});

/** The `text` and `cause` of a Reason header (RFC 3326); the first SIP or Q.850 value counts. */
export function parseReason(value: string | undefined): Reason | undefined {
  if (value === undefined) return undefined;
  const cause = /;\s*cause\s*=\s*(\d+)/i.exec(value)?.[1];
  const text = /;\s*text\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(value)?.[1] ?? '';
  return cause === undefined && text === '' ? undefined : { cause: Number(cause ?? 0), text };
}

export const tagOf = (nameAddr: string | undefined): string =>
  /;\s*tag=([^;,\s]+)/i.exec(nameAddr ?? '')?.[1] ?? '';

/** What has to be answered to go on (RFC 3261 §22). */
export function challengeOf(
  status: number,
  res: SrfResponse | undefined,
): { readonly challenge?: Challenge } {
  if (status !== 401 && status !== 407) return {};
  const value = res?.get(status === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate');
  return value === undefined ? {} : { challenge: { status, value } };
}

/** `res.send`'s arguments after the status: the reason phrase only when there is one. */
export function sendArguments(options: ResponseOptions): [object] | [string, object] {
  const rest = {
    ...(options.headers === undefined ? {} : { headers: { ...options.headers } }),
    ...(options.body === undefined ? {} : { body: options.body }),
  };
  return options.reason === undefined ? [rest] : [options.reason, rest];
}
