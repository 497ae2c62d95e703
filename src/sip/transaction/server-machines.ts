import { act, backOff, go, start, stop, type Machine, type TimerEvent, type Transition } from './machine.ts';

/** `request`: a retransmission; `send …`: the user's response by its class; `ack`: to an INVITE. */
export type ServerEvent =
  'request' | 'ack' | 'send 100' | 'send 1xx' | 'send 2xx' | 'send 3xx' | 'transport error' | TimerEvent;

export type InviteServerState = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';
export type NonInviteServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

const send = act('send response');
const repeat = act('repeat response');
const send100 = act('send 100');
const reportAck = act('report ACK');
const timedOut = act('report timeout');
const failed = act('report failure');

/** The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1). */
export const inviteServer = (reliable: boolean): Machine<InviteServerState, ServerEvent> => {
  const provisional = go<InviteServerState>('proceeding', stop('T'), send);
  return {
    initial: go('proceeding', start('T')),
    table: {
      proceeding: {
        request: go('proceeding', repeat),
        'send 100': provisional,
        'send 1xx': provisional,
        'send 2xx': go('accepted', stop('T'), start('L'), send),
        'send 3xx': go('completed', stop('T'), !reliable && start('G'), start('H'), send),
        'timer T': go('proceeding', send100),
      },
      completed: {
        request: go('completed', repeat),
        ack: reliable ? go('terminated', stop('H')) : go('confirmed', stop('G'), stop('H'), start('I')),
        'timer G': go('completed', backOff('G'), repeat),
        'timer H': go('terminated', timedOut),
        'transport error': go('terminated', failed),
      },
      confirmed: { 'timer I': go('terminated') },
      accepted: {
        // RFC 6026 §7.1: 2xx are repeated by the user until the ACK comes, retransmitted INVITEs are absorbed.
        'send 2xx': go('accepted', send),
        ack: go('accepted', reportAck),
        'timer L': go('terminated'),
      },
      terminated: {},
    },
  };
};

/**
 * The non-INVITE server transaction (RFC 3261 §17.2.2). RFC 4320 §4: no provisional response but 100, and that one only
 * once the client's timer E has reached T2; when the client has given up, nothing more is sent.
 */
export const nonInviteServer = (reliable: boolean): Machine<NonInviteServerState, ServerEvent> => {
  const final = (...stopped: ReturnType<typeof stop>[]): Transition<NonInviteServerState> =>
    reliable ? go('terminated', ...stopped, send) : go('completed', ...stopped, start('J'), send);
  const forgotten = go<NonInviteServerState>('terminated', timedOut);
  return {
    initial: go('trying', start('P'), start('U')),
    table: {
      trying: {
        'send 100': reliable ? go('proceeding', stop('P'), send) : go('trying'),
        'send 2xx': final(stop('P'), stop('U')),
        'send 3xx': final(stop('P'), stop('U')),
        'timer P': go('proceeding', send100),
        'timer U': forgotten,
      },
      proceeding: {
        request: go('proceeding', repeat),
        'send 2xx': final(stop('U')),
        'send 3xx': final(stop('U')),
        'timer U': forgotten,
      },
      completed: {
        request: go('completed', repeat),
        'timer J': go('terminated'),
        'transport error': go('terminated', failed),
      },
      terminated: {},
    },
  };
};
