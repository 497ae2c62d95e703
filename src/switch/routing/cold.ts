import type {
  Binding,
  BindingStore,
  ColdRouteStore,
  Device,
  DirectoryStore,
  User,
} from '../../stores/index.ts';
import { deviceById } from '../directory/index.ts';

export type ColdParts = {
  readonly directory: DirectoryStore;
  readonly bindings: BindingStore;
  readonly coldRoutes: ColdRouteStore;
};

/**
 * The one device that rings for a user; none when all do. A route to a device that is no longer the user's counts for
 * nothing: it must not make somebody unreachable for ever.
 */
export function coldDevice({ directory, coldRoutes }: ColdParts, user: User): Device | undefined {
  const route = coldRoutes.of(user.id);
  const device = route === undefined ? undefined : deviceById(directory, route.deviceId);
  return device?.userId === user.id ? device : undefined;
}

/** What rings for a user: all of the user's devices, or the one that a cold route names. */
export type Ringers = {
  readonly cold: Device | undefined;
  readonly now: () => readonly Binding[];
  readonly meant: (binding: Binding) => boolean;
};

/** The state at this moment holds for the whole call: a code dialled meanwhile counts from the next one on. */
export function ringersOf(parts: ColdParts, user: User, all = false): Ringers {
  const { bindings } = parts;
  const cold = all ? undefined : coldDevice(parts, user);
  if (cold === undefined)
    return {
      cold,
      now: () => bindings.ofUser(user.id),
      meant: (binding) => binding.userId === user.id,
    };
  return {
    cold,
    now: () => bindings.ofDevice(cold.id),
    meant: (binding) => binding.deviceId === cold.id,
  };
}
