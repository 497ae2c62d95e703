import type { Call, Party } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';
import { userOf } from '../call/endpoint.ts';
import { Flip } from '../call/flip.ts';
import type { Asker, FlipTarget, Outcome } from '../index.ts';
import { ringToo } from './flip-ringing.ts';
import type { Keypads } from './keypad.ts';
import { push, Push, type PushParts } from './push.ts';

type Started = Outcome<{ readonly flipId: string }>;

const refused = (status: number, reason: string) => ({ ok: false as const, status, reason });

/** The side that is asked to move: the asker's own, or for an administrator the owner's of the device, or the called one. */
function partyFor(parts: PushParts, call: Call, target: FlipTarget, asker: Asker): Party | undefined {
  const device = 'device' in target ? parts.directory.device(call.domain, target.device) : undefined;
  const owner = asker.admin ? device?.userId : asker.userId;
  if (owner !== undefined) return call.partyOfUser(owner);
  return [call.callee, call.caller].find((party) => party.leg?.endpoint.kind === 'device');
}

/** The other side's flips are nobody's business but its own. */
const isFor = ({ party: { leg } }: Push, asker: Asker): boolean =>
  asker.admin || (leg !== undefined && userOf(leg.endpoint)?.id === asker.userId);

const callerOf = ({ caller: { leg } }: Call): string | undefined =>
  leg === undefined ? undefined : userOf(leg.endpoint)?.id;

/** Whom a call rings for. */
const calledUsers = (call: Call): string[] => [...call.users()].filter((id) => id !== callerOf(call));

/** `POST /calls/{id}/flip`: a push that nobody dialled. Its progress is told by events. */
export class FlipsByApi {
  readonly #parts: PushParts & { readonly calls: Calls };
  readonly #keypads: Keypads;

  constructor(parts: PushParts & { readonly calls: Calls }, keypads: Keypads) {
    this.#parts = parts;
    this.#keypads = keypads;
  }

  start(call: Call, target: FlipTarget, asker: Asker): Started {
    return call.phase === 'ringing' ? this.#ringing(call, target, asker) : this.#talking(call, target, asker);
  }

  #talking(call: Call, target: FlipTarget, asker: Asker): Started {
    const party = partyFor(this.#parts, call, target, asker);
    if (party?.leg === undefined) return refused(404, 'Not your call');
    const device = 'device' in target ? target.device : undefined;
    const owner = userOf(party.leg.endpoint)?.id;
    const refusal = device === undefined ? undefined : this.#refusalOf(device, call, owner);
    if (refusal !== undefined) return refusal;
    const extension = device ?? ('extension' in target ? target.extension : '');
    const started = push(this.#parts, { call, party, extension, by: this.#nameOf(asker) });
    if (!(started instanceof Push))
      return refused(started.status === 480 ? 409 : started.status, started.reason);
    this.#keypads.began(party.leg, started);
    return { ok: true, flipId: started.flip.id };
  }

  /** Gives up what rings for the asker's side, whether the API, keys or a transfer began it. */
  cancel(call: Call, asker: Asker): Outcome<object> {
    const running = this.#parts.pushes.get(call.id);
    if (running === undefined || !isFor(running, asker)) return refused(409, 'Nothing to cancel');
    return running.cancel('Cancelled') ? { ok: true } : refused(409, 'Answered already');
  }

  /** One that waits for its answer can ring at further devices of whom it is for. */
  #ringing(call: Call, target: FlipTarget, asker: Asker): Started {
    const { directory } = this.#parts;
    const device = 'device' in target ? directory.device(call.domain, target.device) : undefined;
    const userId = asker.admin ? (device?.userId ?? calledUsers(call)[0]) : asker.userId;
    if (userId === undefined || userId === callerOf(call) || 'extension' in target)
      return refused(409, 'Nobody talks yet');
    const refusal = 'device' in target ? this.#refusalOf(target.device, call, userId) : undefined;
    if (refusal !== undefined) return refusal;
    if (!calledUsers(call).includes(userId)) return refused(403, 'Not your call');
    const flip = ringToo(this.#parts, { call, userId, device, by: this.#nameOf(asker) });
    return flip instanceof Flip ? { ok: true, flipId: flip.id } : refused(flip.status, flip.reason);
  }

  #refusalOf(extension: string, call: Call, owner: string | undefined): Started | undefined {
    const device = this.#parts.directory.device(call.domain, extension);
    if (device === undefined) return refused(404, 'No such device');
    if (device.userId !== owner) return refused(403, 'Not your device');
    return device.trusted ? undefined : refused(403, 'This device may not take calls over');
  }

  #nameOf({ userId }: Asker): string {
    if (userId === undefined) return 'administrator';
    return `user ${this.#parts.directory.userById(userId)?.extension ?? userId}`;
  }
}
