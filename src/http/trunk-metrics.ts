import { Gauge, type Registry } from 'prom-client';
import type { TrunkState } from '../switch/index.ts';

/** How trunks stand: whether we are registered where we want to be, and which gateways take calls. */
export function watchTrunks(registry: Registry, states: () => readonly TrunkState[]): void {
  const registered: Gauge = new Gauge({
    name: 'flipswitch_trunk_registered',
    help: '1 when this switch is registered at the trunk, 0 when it wants to be; none for trunks without',
    labelNames: ['domain', 'trunk'] as const,
    registers: [registry],
    collect: () => {
      registered.reset();
      for (const { domain, name, registration } of states())
        if (registration !== undefined)
          registered.set({ domain, trunk: name }, Number(registration.state === 'registered'));
    },
  });
  const usable: Gauge = new Gauge({
    name: 'flipswitch_trunk_gateway_usable',
    help: '0 while a gateway rests because it has failed, else 1',
    labelNames: ['domain', 'trunk', 'gateway'] as const,
    registers: [registry],
    collect: () => {
      usable.reset();
      for (const { domain, name, gateways } of states())
        for (const { address, state } of gateways)
          usable.set({ domain, trunk: name, gateway: address }, Number(state !== 'resting'));
    },
  });
}
