import type { Clock, Random, Timer } from '../../base/index.ts';
import { trunkDefaults, type DirectoryStore, type Gateway, type Trunk } from '../../stores/index.ts';
import type { RequestAnswer, Signaling } from '../call/signaling.ts';
import { domainAt } from './caller-id.ts';
import { gatewayName, gatewaysOf, type Gateways } from './gateways.ts';
import { routeOver } from './outside-routes.ts';

export type PingsParts = {
  readonly directory: DirectoryStore;
  readonly gateways: Gateways;
  readonly signaling: Signaling;
  readonly clock: Clock;
  readonly random: Random;
};

const secondsOf = ({ pingSeconds = trunkDefaults.pingSeconds }: Trunk): number => pingSeconds;

/**
 * Asks the gateways of trunks by OPTIONS (RFC 3261 §11) whether they are there, so that a dead one is known before somebody
 * calls. Any answer of theirs will do but 503.
 */
export class Pings {
  readonly #parts: PingsParts;
  readonly #timers = new Map<string, Timer>();
  readonly #off: () => void;
  #closed = false;

  constructor(parts: PingsParts) {
    this.#parts = parts;
    this.#off = parts.directory.events.on('changed', ({ what }) => {
      if (what === 'trunk') this.#follow();
    });
    this.#follow();
  }

  close(): void {
    this.#closed = true;
    this.#off();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #follow(): void {
    const { directory } = this.#parts;
    const trunks = directory.domains().flatMap(({ name }) => directory.trunks(name));
    const wanted = new Map(
      trunks
        .filter((trunk) => secondsOf(trunk) > 0)
        .flatMap((trunk) =>
          gatewaysOf(trunk).map((gateway) => [`${trunk.id} ${gatewayName(gateway)}`, { trunk, gateway }]),
        ),
    );
    for (const [key, timer] of this.#timers) {
      if (wanted.has(key)) continue;
      timer.cancel();
      this.#timers.delete(key);
    }
    for (const [key, { trunk, gateway }] of wanted)
      if (!this.#timers.has(key)) this.#later(key, trunk, { gateway, seconds: 0 });
  }

  /** The next question, at a moment of its own: gateways are not all asked at once. */
  #later(key: string, trunk: Trunk, { gateway, seconds }: { gateway: Gateway; seconds: number }): void {
    const { clock, random } = this.#parts;
    const ms = seconds === 0 ? 1000 * random.unit() : seconds * 1000 * (0.9 + 0.2 * random.unit());
    this.#timers.set(
      key,
      clock.after(ms, () => void this.#ask(key, trunk.id, gateway)),
    );
  }

  async #ask(key: string, trunkId: string, gateway: Gateway): Promise<void> {
    const { directory, signaling, gateways } = this.#parts;
    const find = () =>
      directory
        .domains()
        .flatMap(({ name }) => directory.trunks(name))
        .find(({ id }) => id === trunkId);
    const asked = find();
    if (asked === undefined) return;
    const { auth: _auth, ...route } = routeOver(asked, gateway, '');
    const headers = { From: `<sip:${domainAt(asked)}>`, To: `<${route.uri}>` };
    const answer: RequestAnswer = await signaling
      .request('OPTIONS', route, { headers })
      .catch((error: unknown) => ({ status: 503, reason: String(error) }));
    // It may have been changed, or everything closed, while the answer was waited for.
    const trunk = find();
    if (this.#closed || trunk === undefined || !this.#timers.has(key)) return;
    const seconds = secondsOf(trunk);
    if (answer.undelivered === true || answer.status === 503)
      gateways.failed(trunk, gateway, `OPTIONS: ${answer.status} ${answer.reason}`.trim(), seconds * 2.5);
    else gateways.answered(trunk, gateway);
    this.#later(key, trunk, { gateway, seconds });
  }
}
