import type { Clock, Logger } from '../../base/index.ts';
import type { ColdRoute, ColdRouteStore, Device, DirectoryStore, User } from '../../stores/index.ts';
import { deviceById } from '../directory/index.ts';
import type { CallContext } from '../call/call.ts';
import { confirm } from '../call/confirm.ts';
import type { Endpoint } from '../call/endpoint.ts';
import type { Incoming, Refusal } from '../call/signaling.ts';
import type { Asker, ColdRouteOutcome, ColdRoutes, ColdRouteView } from '../index.ts';
import type { DialledCode } from './codes.ts';

export type ColdRouteParts = {
  readonly directory: DirectoryStore;
  readonly coldRoutes: ColdRouteStore;
  readonly clock: Clock;
  readonly log: Logger;
};

const refusals = {
  untrusted: { status: 403, reason: 'This device may not direct calls' },
  noDevice: { status: 404, reason: 'No such device' },
  notYours: { status: 403, reason: 'Not your device' },
  notSaved: { status: 500, reason: 'Not saved' },
} as const satisfies Record<string, Refusal>;

/** The device that only is to ring; `undefined` is all of them. */
type Wish = { readonly only: Device | undefined };

/** What a dialled code asks for, or why it cannot be had (X5). */
function wishOf(
  { directory }: ColdRouteParts,
  { feature, argument }: DialledCode,
  { user, device }: Extract<Endpoint, { kind: 'device' }>,
): Wish | Refusal {
  if (!device.trusted) return refusals.untrusted;
  if (feature === 'allDevices') return { only: undefined };
  return feature === 'thisDeviceOnly' ? { only: device } : ownDevice(directory, user, argument);
}

/** A device of the user's own, registered or not. */
function ownDevice(directory: DirectoryStore, user: User, extension: string): Wish | Refusal {
  const device = directory.device(user.domain, extension);
  if (device?.userId === user.id) return { only: device };
  const somebody = device !== undefined || directory.user(user.domain, extension) !== undefined;
  return somebody && extension !== user.extension ? refusals.notYours : refusals.noDevice;
}

/** Makes it so, from the next call on. */
async function direct(
  { coldRoutes, clock, log }: ColdRouteParts,
  user: User,
  { only }: Wish,
  by: string,
): Promise<Refusal | undefined> {
  try {
    if (only === undefined) await coldRoutes.clear(user.id, by);
    else await coldRoutes.set({ userId: user.id, deviceId: only.id, setAt: clock.wall(), setBy: by });
    return undefined;
  } catch (error) {
    log.error({ error: String(error) }, 'cold route not saved');
    return refusals.notSaved;
  }
}

/** `*50`, `*49EXT`, `*51`: done, confirmed by a beep, and hung up; or refused without one. */
export async function dialColdRoute(
  parts: ColdRouteParts & { readonly context: CallContext },
  code: DialledCode,
  incoming: Incoming,
  caller: Extract<Endpoint, { kind: 'device' }>,
): Promise<Refusal | undefined> {
  const wish = wishOf(parts, code, caller);
  if ('status' in wish) return wish;
  return confirm(parts.context, incoming, () => direct(parts, caller.user, wish, caller.device.extension));
}

/** The same for the API, and what it shows. */
export class ColdRoutesByApi implements ColdRoutes {
  readonly #parts: ColdRouteParts;

  constructor(parts: ColdRouteParts) {
    this.#parts = parts;
    parts.directory.events.on('changed', ({ what, id, removed }) => {
      if (removed && (what === 'device' || what === 'user')) this.#forget(id);
    });
  }

  get(extension: string, asker: Asker): ColdRouteOutcome {
    const user = this.#user(extension, asker);
    return 'status' in user ? { ok: false, ...user } : { ok: true, coldRoute: this.#view(user) };
  }

  /** `device` is an extension; `undefined` lets all devices ring again. */
  async set(extension: string, device: string | undefined, asker: Asker): Promise<ColdRouteOutcome> {
    const user = this.#user(extension, asker);
    if ('status' in user) return { ok: false, ...user };
    const wish = device === undefined ? { only: undefined } : ownDevice(this.#parts.directory, user, device);
    const by = asker.admin ? 'administrator' : `user ${user.extension}`;
    const refusal = 'status' in wish ? wish : await direct(this.#parts, user, wish, by);
    if (refusal === undefined) return { ok: true, coldRoute: this.#view(user) };
    const status = refusal === refusals.notSaved ? 503 : refusal.status;
    return { ok: false, status, reason: refusal.reason };
  }

  #user(extension: string, asker: Asker): User | { readonly status: number; readonly reason: string } {
    const user = this.#parts.directory.user(asker.domain, extension);
    const own = user !== undefined && user.id === asker.userId;
    return user !== undefined && (asker.admin || own) ? user : { status: 404, reason: 'No such user' };
  }

  #view(user: User): ColdRouteView | undefined {
    const route = this.#parts.coldRoutes.of(user.id);
    const device = route === undefined ? undefined : deviceById(this.#parts.directory, route.deviceId);
    if (route === undefined || device?.userId !== user.id) return undefined;
    return { device: device.extension, name: device.name, setAt: route.setAt, setBy: route.setBy };
  }

  /** A route to a device that is removed goes with it. */
  #forget(id: string): void {
    const { coldRoutes, log } = this.#parts;
    const meant = ({ deviceId, userId }: ColdRoute) => deviceId === id || userId === id;
    for (const { userId } of coldRoutes.all().filter(meant))
      coldRoutes
        .clear(userId)
        .catch((error: unknown) =>
          log.error({ error: String(error) }, 'cold route of a removed device not cleared'),
        );
  }
}
