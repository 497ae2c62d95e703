import type { Logger } from '../../base/index.ts';
import type { Routing } from '../../stores/index.ts';
import type { CallContext } from '../call/call.ts';
import { confirm } from '../call/confirm.ts';
import type { Endpoint } from '../call/endpoint.ts';
import type { Incoming, Refusal } from '../call/signaling.ts';
import { profilesOf, type CallRouting } from '../routing/call-routing.ts';
import type { DialledCode } from './codes.ts';

export type ProfileParts = {
  readonly rules: CallRouting;
  readonly context: CallContext;
  readonly log: Logger;
};

const refusals = {
  untrusted: { status: 403, reason: 'This device may not direct calls' },
  noProfile: { status: 404, reason: 'No such profile' },
  notSaved: { status: 500, reason: 'Not saved' },
} as const satisfies Record<string, Refusal>;

/** What the user's routing is to be, or why it cannot: `*60` and a digit, do not disturb and its end. */
function changed(before: Routing, { feature, argument }: DialledCode): Routing | Refusal {
  const { presence, profile: _profile, ...rest } = before;
  if (feature === 'profile') {
    const kept = presence === undefined ? rest : { ...rest, presence };
    if (argument === '0') return kept;
    const profile = /^[1-9]$/.test(argument) ? profilesOf(before)[Number(argument) - 1] : undefined;
    return profile === undefined ? refusals.noProfile : { ...kept, profile };
  }
  const { presence: _presence, ...quiet } = before;
  if (feature === 'doNotDisturb') return { ...quiet, presence: 'do-not-disturb' };
  if (presence !== 'do-not-disturb' && before.profile !== 'do-not-disturb') return before;
  // It ends in whichever way it began.
  return before.profile === 'do-not-disturb' ? rest : quiet;
}

/** Profile and do-not-disturb codes (S2-53): done, confirmed by a beep, and hung up; or refused without one. */
export async function dialProfile(
  { rules, context, log }: ProfileParts,
  code: DialledCode,
  incoming: Incoming,
  { user, device }: Extract<Endpoint, { kind: 'device' }>,
): Promise<Refusal | undefined> {
  if (!device.trusted) return refusals.untrusted;
  const owner = { domain: user.domain, kind: 'user', id: user.id } as const;
  const next = changed(rules.routing(owner), code);
  if ('status' in next) return next;
  return confirm(context, incoming, async () => {
    try {
      // Rules that are saved at the same time stay what they have become.
      await rules.change(owner, (now) => {
        const after = changed(now, code);
        return 'status' in after ? now : after;
      });
      return undefined;
    } catch (error) {
      log.error({ error: String(error) }, 'profile not saved');
      return refusals.notSaved;
    }
  });
}
