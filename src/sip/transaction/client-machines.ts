import {
  act,
  backOff,
  go,
  hold,
  start,
  stop,
  type Effect,
  type Machine,
  type TimerEvent,
  type Transition,
} from './machine.ts';

/** `100`, `1xx` (101 to 199), `2xx`, `3xx` (300 to 699): classes of responses. */
export type ClientEvent = '100' | '1xx' | '2xx' | '3xx' | 'cancel' | 'transport error' | TimerEvent;

export type InviteClientState =
  | 'calling'
  /** CANCEL is wanted but no provisional response allows it yet (RFC 3261 §9.1). */
  | 'calling, cancel wanted'
  | 'proceeding'
  /** CANCEL was sent, the final response is awaited. */
  | 'cancelled'
  | 'completed'
  /** A 2xx came; more may, from other forks (RFC 6026 §7.2). */
  | 'accepted'
  | 'terminated';

export type NonInviteClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';

const report = act('report response');
const sendRequest = act('send request');
const sendAck = act('send ACK');
const sendCancel = act('send CANCEL');
const timedOut = act('report timeout');
const failed = act('report failure');

type InviteStep = Transition<InviteClientState>;
type Stops = readonly Effect[];

const stopAB: Stops = [stop('A'), stop('B')];
const giveUp = go<InviteClientState>('terminated', timedOut);
const accept = (stops: Stops): InviteStep => go('accepted', ...stops, start('M'), report);
const complete = (reliable: boolean, stops: Stops): InviteStep =>
  reliable
    ? go('terminated', ...stops, sendAck, report)
    : go('completed', ...stops, start('D'), sendAck, report);

/** Before any response: with CANCEL wanted, the first provisional one lets it go. */
const unanswered = (reliable: boolean, state: 'calling' | 'calling, cancel wanted') => {
  const provisional =
    state === 'calling'
      ? go<InviteClientState>('proceeding', ...stopAB, start('C'), report)
      : go<InviteClientState>('cancelled', ...stopAB, start('X'), sendCancel, report);
  return {
    '100': provisional,
    '1xx': provisional,
    '2xx': accept(stopAB),
    '3xx': complete(reliable, stopAB),
    'timer A': go(state, backOff('A'), sendRequest),
    'timer B': giveUp,
    'transport error': go<InviteClientState>('terminated', failed),
  };
};

/** The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2), with CANCEL (§9.1) and timer C (§16.6 step 11). */
export const inviteClient = (reliable: boolean): Machine<InviteClientState, ClientEvent> => ({
  initial: go('calling', !reliable && start('A'), start('B'), sendRequest),
  table: {
    calling: { ...unanswered(reliable, 'calling'), cancel: go('calling, cancel wanted') },
    'calling, cancel wanted': unanswered(reliable, 'calling, cancel wanted'),
    proceeding: {
      '100': go('proceeding', report),
      '1xx': go('proceeding', start('C'), report),
      '2xx': accept([stop('C')]),
      '3xx': complete(reliable, [stop('C')]),
      cancel: go('cancelled', stop('C'), start('X'), sendCancel),
      'timer C': go('cancelled', start('X'), sendCancel),
    },
    cancelled: {
      '100': go('cancelled', report),
      '1xx': go('cancelled', report),
      '2xx': accept([stop('X')]),
      '3xx': complete(reliable, [stop('X')]),
      'timer X': giveUp,
    },
    completed: {
      '3xx': go('completed', sendAck),
      'timer D': go('terminated'),
      'transport error': go('terminated'),
    },
    accepted: {
      '2xx': go('accepted', report),
      'timer M': go('terminated'),
    },
    terminated: {},
  },
});

/** The non-INVITE client transaction (RFC 3261 §17.1.2). */
export const nonInviteClient = (reliable: boolean): Machine<NonInviteClientState, ClientEvent> => {
  const completed = reliable
    ? go<NonInviteClientState>('terminated', stop('F'), report)
    : go<NonInviteClientState>('completed', stop('E'), stop('F'), start('K'), report);
  const broken = go<NonInviteClientState>('terminated', failed);
  const expired = go<NonInviteClientState>('terminated', timedOut);
  const proceeding = go<NonInviteClientState>('proceeding', report);
  return {
    initial: go('trying', !reliable && start('E'), start('F'), sendRequest),
    table: {
      trying: {
        '100': proceeding,
        '1xx': proceeding,
        '2xx': completed,
        '3xx': completed,
        'timer E': go('trying', backOff('E'), sendRequest),
        'timer F': expired,
        'transport error': broken,
      },
      proceeding: {
        '100': proceeding,
        '1xx': proceeding,
        '2xx': completed,
        '3xx': completed,
        'timer E': go('proceeding', hold('E'), sendRequest),
        'timer F': expired,
        'transport error': broken,
      },
      completed: { 'timer K': go('terminated') },
      terminated: {},
    },
  };
};
