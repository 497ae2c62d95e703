import type { BindingStore, Flow } from '../../stores/index.ts';
import type { Calls } from './calls.ts';
import type { Ring } from './ring.ts';
import type { Reason } from './signaling.ts';

const connectionLost: Reason = { cause: 487, text: 'Connection of the caller lost' };

const same = (a: Flow, b: Flow): boolean =>
  a.protocol === b.protocol && a.address === b.address && a.port === b.port;

/** A phone is called only after its REGISTER was answered: until then engine and phone know nothing of the new way. */
const afterTheAnswer = (action: () => void): void => void setImmediate(action);

/**
 * Who registers while it rings joins in. And what a connection that ends means for calls that still ring: a phone that rang over it rings no more, and can be rung
 * anew once it is back; a caller that waited on it can be told nothing, and the phones stop.
 */
export function watchBindings(bindings: BindingStore, calls: Calls, rings: ReadonlySet<Ring>): void {
  bindings.events.on('added', (binding) =>
    afterTheAnswer(() => {
      // It may have gone again meanwhile.
      if (rings.size === 0 || !bindings.ofUser(binding.userId).some(({ id }) => id === binding.id)) return;
      for (const ring of rings) ring.registered(binding);
    }),
  );
  bindings.events.on('removed', ({ binding, reason }) => {
    if (reason !== 'flow closed' && reason !== 'failed') return;
    for (const ring of rings) ring.lost(binding);
    for (const call of calls.ofUser(binding.userId)) {
      const { leg } = call.caller;
      if (call.phase !== 'ringing' || leg?.incoming === undefined) continue;
      if (same(leg.incoming.source, binding.flow)) call.end('caller', connectionLost);
    }
  });
  // A phone that comes back on another connection before the end of the old one was noticed.
  bindings.events.on('refreshed', ({ binding, before }) => {
    if (before.flow.protocol === 'udp' || same(before.flow, binding.flow)) return;
    afterTheAnswer(() => {
      for (const ring of rings) {
        ring.lost(before);
        ring.registered(binding);
      }
    });
  });
}
