import type { Step, WayInParts } from '../call/way-in.ts';
import type { Refusal } from '../call/signaling.ts';
import { parseCode, type DialledCode } from './codes.ts';
import { dialColdRoute } from './cold-route.ts';
import type { CallRouting } from '../routing/call-routing.ts';
import { dialProfile } from './profile.ts';
import { grab, pull } from './pull.ts';
import { replace } from './replaces.ts';

type Parts = Pick<WayInParts, 'calls' | 'directory' | 'coldRoutes' | 'settings' | 'context'> & {
  readonly rules: CallRouting;
};

const profileCodes: ReadonlySet<string> = new Set(['profile', 'doNotDisturb', 'disturb']);

/** Takes the INVITEs that mean something else than a call to somebody. */
export function onInvite(parts: Parts): Step {
  return async (attempt) => {
    const replaces = attempt.incoming.get('Replaces');
    if (replaces !== undefined && attempt.caller !== undefined) {
      attempt.taken = true;
      return replace(parts.calls, replaces, attempt.incoming, attempt.caller);
    }
    const code = parseCode(attempt.dialled, parts.settings.features.codes);
    if (code === undefined || attempt.caller === undefined) return undefined;
    if (attempt.caller.kind !== 'device') return { status: 404, reason: 'No such extension or number' };
    attempt.taken = true;
    return dialled(parts, code, attempt);
  };
}

function dialled(
  parts: Parts,
  code: DialledCode,
  { incoming, caller }: Parameters<Step>[0],
): Promise<Refusal | undefined> | Refusal {
  if (caller?.kind !== 'device') return { status: 403, reason: 'Not known here' };
  if (code.feature === 'pull') return pull(parts, incoming, caller, code.argument);
  if (code.feature === 'grab') return grab(parts, incoming, caller, code.argument);
  if (code.feature === 'push') return { status: 480, reason: 'Press the push code during a call' };
  const { directory, coldRoutes, context } = parts;
  const { clock, log } = context;
  if (profileCodes.has(code.feature))
    return dialProfile({ rules: parts.rules, context, log }, code, incoming, caller);
  return dialColdRoute({ directory, coldRoutes, context, clock, log }, code, incoming, caller);
}
