import type { Clock, Timer } from '../../base/index.ts';
import { parseParameters, type SipMessage, type SipRequest, type SipResponse } from '../message/index.ts';
import type { SessionTimerPolicy } from './types.ts';

/** Seconds, and who refreshes, in the words of RFC 4028 §3. */
export type SessionTerms = { readonly interval: number; readonly refresher: 'uac' | 'uas' };

/** A longer interval guards nothing. */
const longest = 7 * 86_400;

type SessionExpires = { readonly interval: number; readonly refresher?: 'uac' | 'uas' };

/** Reads Session-Expires (RFC 4028 §4). */
export const sessionExpires = (message: SipMessage): SessionExpires | undefined => {
  const value = message.headers.get('Session-Expires');
  const match = value === undefined ? null : /^\s*([0-9]{1,10})\s*(;.*)?$/.exec(value);
  if (match === null) return undefined;
  const refresher = parseParameters(match[2] ?? '')
    ?.get('refresher')
    ?.toLowerCase();
  const interval = Math.min(Number(match[1]), longest);
  return refresher === 'uac' || refresher === 'uas' ? { interval, refresher } : { interval };
};

const numberIn = (message: SipMessage, name: string): number | undefined => {
  const match = /^\s*([0-9]{1,10})/.exec(message.headers.get(name) ?? '');
  return match === null ? undefined : Number(match[1]);
};

export const minSe = (message: SipMessage): number | undefined => numberIn(message, 'Min-SE');

export const hasOption = (message: SipMessage, header: 'Supported' | 'Require', option: string): boolean =>
  message.headers.list(header).some((value) => value.trim().toLowerCase() === option);

/** Whether a request asks for an interval below ours and may be told so by 422 (RFC 4028 §9). */
export const isTooShort = (request: SipRequest, policy: SessionTimerPolicy): boolean => {
  const asked = sessionExpires(request);
  return asked !== undefined && asked.interval < policy.minSe && hasOption(request, 'Supported', 'timer');
};

/**
 * The terms of our 2xx (RFC 4028 §9): those that it names already, else what the request asks for. The peer refreshes
 * unless it said otherwise. Undefined: no session timer.
 */
export const termsOfAnswer = (
  request: SipRequest,
  response: SipResponse,
  policy: SessionTimerPolicy,
): SessionTerms | undefined => {
  const ours = sessionExpires(response);
  if (ours !== undefined) {
    return { interval: Math.max(policy.minSe, ours.interval), refresher: ours.refresher ?? 'uac' };
  }
  const asked = sessionExpires(request);
  if (asked === undefined) return undefined;
  const interval = Math.max(policy.minSe, minSe(request) ?? 0, asked.interval);
  // A proxy may ask on behalf of a caller that knows nothing of session timers: then only we can refresh.
  if (!hasOption(request, 'Supported', 'timer') && !hasOption(request, 'Require', 'timer')) {
    return policy.defaultRefresher === 'none' && asked.refresher === undefined
      ? undefined
      : { interval, refresher: 'uas' };
  }
  if (asked.refresher !== undefined) return { interval, refresher: asked.refresher };
  return policy.defaultRefresher === 'none' ? undefined : { interval, refresher: policy.defaultRefresher };
};

/** Writes the terms into our 2xx; `Require: timer` when the peer has to refresh (RFC 4028 §9). */
export const writeTerms = (request: SipRequest, response: SipResponse, terms: SessionTerms): void => {
  response.headers.set('Session-Expires', `${terms.interval};refresher=${terms.refresher}`);
  const knows = hasOption(request, 'Supported', 'timer') || hasOption(request, 'Require', 'timer');
  if (terms.refresher === 'uac' && knows && !hasOption(response, 'Require', 'timer')) {
    const others = response.headers.list('Require');
    response.headers.set('Require', [...others, 'timer'].join(', '));
  }
};

/** The terms that a 2xx to our request sets (RFC 4028 §7.2): without a refresher it is us. */
export const termsOfResponse = (response: SipResponse): SessionTerms | undefined => {
  const set = sessionExpires(response);
  return set && { interval: set.interval, refresher: set.refresher ?? 'uac' };
};

export type SessionState = {
  /** `watching`: the peer refreshes; `refreshing`: our refresh is on its way. */
  readonly kind: 'off' | 'watching' | 'refresher' | 'refreshing';
  readonly interval: number;
};

export type SessionEvent =
  | { readonly kind: 'agreed'; readonly interval: number; readonly refresher: 'local' | 'remote' }
  | { readonly kind: 'none' | 'refresh due' | 'expired' }
  /** Our refresh met a failure; `delay` in milliseconds for a 491 (RFC 3261 §14.1). */
  | { readonly kind: 'refused'; readonly status: number; readonly delay: number; readonly minSe?: number };

export type SessionEffect =
  | { readonly do: 'stop' | 'refresh' | 'expire' }
  | { readonly do: 'start refresh' | 'start expiry'; readonly ms: number };

type Step = readonly [SessionState, readonly SessionEffect[]];
type Handler = (state: SessionState, event: SessionEvent) => Step;

// RFC 4028 §10: BYE goes out a third of the interval, at most 32 s, before the end.
const untilExpiry = (interval: number): number => (interval - Math.min(32, interval / 3)) * 1000;

const agreed = ({ interval, refresher }: Extract<SessionEvent, { kind: 'agreed' }>): Step => {
  const expiry: SessionEffect = { do: 'start expiry', ms: untilExpiry(interval) };
  if (refresher === 'remote') return [{ kind: 'watching', interval }, [{ do: 'stop' }, expiry]];
  const refresh: SessionEffect = { do: 'start refresh', ms: interval * 500 };
  return [{ kind: 'refresher', interval }, [{ do: 'stop' }, expiry, refresh]];
};

const off: SessionState = { kind: 'off', interval: 0 };

/** What leads to the same in every state; undefined: the state's own. */
const anyState = (event: SessionEvent): Step | undefined => {
  if (event.kind === 'agreed') return agreed(event);
  if (event.kind === 'none') return [off, [{ do: 'stop' }]];
  return event.kind === 'expired' ? [off, [{ do: 'stop' }, { do: 'expire' }]] : undefined;
};

const refused = (state: SessionState, event: Extract<SessionEvent, { kind: 'refused' }>): Step => {
  const { interval } = state;
  const again = (ms: number): Step => [{ kind: 'refresher', interval }, [{ do: 'start refresh', ms }]];
  // RFC 4028 §10: the session is gone.
  if (event.status === 408 || event.status === 481) return [off, [{ do: 'stop' }, { do: 'expire' }]];
  if (event.status === 491) return again(event.delay);
  if (event.status === 422 && event.minSe !== undefined && event.minSe > interval) {
    return [{ kind: 'refresher', interval: event.minSe }, [{ do: 'start refresh', ms: 0 }]];
  }
  // Any other refusal is no refresh; it is tried again until the session expires.
  return again(interval * 125);
};

const handlers: { readonly [K in SessionState['kind']]: Handler } = {
  off: (state) => [state, []],
  watching: (state) => [state, []],
  refresher: (state, event) =>
    event.kind === 'refresh due' ? [{ ...state, kind: 'refreshing' }, [{ do: 'refresh' }]] : [state, []],
  refreshing: (state, event) => (event.kind === 'refused' ? refused(state, event) : [state, []]),
};

/** The session timer of one dialog (RFC 4028 §10). */
export const sessionStep = (state: SessionState, event: SessionEvent): Step =>
  (state.kind === 'off' && event.kind === 'expired' ? undefined : anyState(event)) ??
  handlers[state.kind](state, event);

/** The driver: two timers. */
export class SessionTimer {
  readonly #clock: Clock;
  readonly #act: { readonly refresh: (interval: number) => void; readonly expire: () => void };
  #state: SessionState = off;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(
    clock: Clock,
    act: { readonly refresh: (interval: number) => void; readonly expire: () => void },
  ) {
    this.#clock = clock;
    this.#act = act;
  }

  get state(): SessionState {
    return this.#state;
  }

  handle(event: SessionEvent): void {
    const [state, effects] = sessionStep(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: SessionEffect): void {
    switch (effect.do) {
      case 'stop':
        this.#refresh?.cancel();
        this.#expiry?.cancel();
        return;
      case 'start refresh':
        this.#refresh = this.#clock.after(effect.ms, () => this.handle({ kind: 'refresh due' }));
        return;
      case 'start expiry':
        this.#expiry = this.#clock.after(effect.ms, () => this.handle({ kind: 'expired' }));
        return;
      case 'refresh':
        return this.#act.refresh(this.#state.interval);
      default:
        return this.#act.expire();
    }
  }
}
