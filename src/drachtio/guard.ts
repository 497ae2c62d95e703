import type { Logger } from '../base/index.ts';
import type { IncomingRequest, UserAgentHandler } from '../sip/index.ts';

/**
 * A handler whose faults stay its own: one request that we can not deal with must not end everybody's calls. Such a
 * request is answered 500.
 */
export const guarded = (
  handler: UserAgentHandler,
  log: Logger,
  refuse: (incoming: IncomingRequest) => void,
): UserAgentHandler => {
  const run = <T>(what: string, action: () => T, otherwise: T): T => {
    try {
      return action();
    } catch (error) {
      log.error({ err: error, what }, 'fault while handling a SIP message');
      return otherwise;
    }
  };
  return {
    refuses: (request) => run('refuses', () => handler.refuses?.(request), undefined),
    claim: (request, event, transaction) =>
      run('claim', () => handler.claim?.(request, event, transaction) ?? false, false),
    onRequest(incoming) {
      const handled = run(
        'request',
        () => {
          handler.onRequest(incoming);
          return true;
        },
        false,
      );
      if (!handled && incoming.state === 'waiting') run('refusal', () => refuse(incoming), undefined);
    },
    onAck: (event) => run('ack', () => handler.onAck(event), undefined),
    onCancel: (incoming, cancel, event) =>
      run('cancel', () => handler.onCancel(incoming, cancel, event), undefined),
    onUnsolicitedBye: (bye) => run('bye', () => handler.onUnsolicitedBye(bye), undefined),
    onDialogEnd: (dialog, cause) => run('end', () => handler.onDialogEnd?.(dialog, cause), undefined),
  };
};
