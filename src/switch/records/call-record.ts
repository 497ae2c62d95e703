import type { CallRecord, DirectoryStore, RecordedFlip, RecordedLeg } from '../../stores/index.ts';
import type { CallView, FlipView, LegView } from '../call/call-view.ts';
import type { CallQuality } from './leg-quality.ts';

/** What a call was at its beginning: who called whom, and for whom it rang. */
export type Beginning = Pick<CallView, 'from' | 'to' | 'users'>;

/** The last view of a call, as it is kept. */
export function callRecord(
  directory: DirectoryStore,
  view: CallView,
  beginning: Beginning,
  quality: CallQuality | undefined,
): CallRecord {
  const answered = view.legs.filter((leg) => leg.answeredAt !== undefined);
  const caller = speaker(view, 'caller') ?? view.legs.find((leg) => leg.party === 'caller')?.userId;
  const dialled = rungFor(beginning, caller);
  const callee = speaker(view, 'callee') ?? dialled;
  const concerned = view.answeredAt === undefined ? beginning.users : answered.map((leg) => leg.userId);
  const userIds = [...new Set([...concerned, caller, callee, dialled])].filter((id) => id !== undefined);
  const extension = (id: string | undefined) =>
    id === undefined ? undefined : (directory.userById(id)?.extension ?? id);
  const { ringingAt, answeredAt, endedAt = view.startedAt, endedBy = 'switch' } = view;
  // A BYE need not say why.
  const { ended = { cause: 200, text: 'Call ended' } } = view;
  return {
    id: view.id,
    domain: view.domain,
    from: beginning.from,
    to: beginning.to,
    ...optional('user', extension(callee ?? caller)),
    ...optional('caller', extension(caller)),
    ...optional('callee', extension(callee)),
    userIds,
    users: userIds.map((id) => extension(id) ?? id),
    startedAt: view.startedAt,
    ...optional('number', view.number),
    ...optional('ringingAt', ringingAt),
    ...optional('answeredAt', answeredAt),
    endedAt,
    endedBy,
    ended,
    legs: view.legs.map((leg) => recordedLeg({ ended, ...leg }, extension(leg.userId), quality)),
    flips: view.flips.map(flipOver),
    decisions: view.decisions,
    trace: view.trace,
    ...optional('recording', quality?.recording),
  };
}

/** The user who spoke last for a side. A flip leaves it as it was, a transfer changes it. */
function speaker(view: CallView, party: 'caller' | 'callee'): string | undefined {
  return view.legs
    .filter((leg) => leg.party === party && leg.answeredAt !== undefined)
    .toSorted((a, b) => (a.answeredAt ?? 0) - (b.answeredAt ?? 0))
    .at(-1)?.userId;
}

/**
 * The one user whom the call was for: whoever answers in the end, or an outside number of theirs; nobody in particular
 * when it was several.
 */
function rungFor({ users }: Beginning, caller: string | undefined): string | undefined {
  const others = users.filter((id) => id !== caller);
  return others.length === 1 ? others[0] : undefined;
}

/** A call that ends takes along what was under way. */
const flipOver = (flip: FlipView): RecordedFlip =>
  flip.result === 'moved' || flip.result === 'failed'
    ? flip
    : { ...flip, result: 'failed', reason: 'The call ended' };

function recordedLeg(leg: LegView, user: string | undefined, quality: CallQuality | undefined): RecordedLeg {
  const { id, party, device, trunk, terminal, number, forwarded, startedAt, answeredAt, endedAt, ended } =
    leg;
  return {
    id,
    party,
    ...optional('user', user),
    ...optional('device', device),
    ...optional('trunk', trunk),
    ...optional('terminal', terminal),
    ...optional('number', number),
    ...optional('forwarded', forwarded),
    startedAt,
    ...optional('answeredAt', answeredAt),
    ...optional('endedAt', endedAt),
    ...optional('ended', ended),
    ...optional('quality', answeredAt === undefined ? undefined : quality?.legs.get(id)),
  };
}

const optional = <K extends string, V>(key: K, value: V | undefined): { [k in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [k in K]: V });
