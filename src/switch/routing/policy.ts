import type { Clock } from '../../base/index.ts';
import type { Action, DirectoryStore, RoutingOwner, RoutingPolicy, Rule } from '../../stores/index.ts';
import type { NumberReader, ReadNumber } from './numbers.ts';

/** What a domain without a policy has; its country is that of its own first number. */
export function defaultPolicy(
  domain: string,
  directory: DirectoryStore,
  numbers: NumberReader,
): RoutingPolicy {
  const own = directory.numbers(domain).find(({ number }) => numbers.read(number, '') !== undefined);
  const read = own === undefined ? undefined : numbers.read(own.number, '');
  const country = read?.country ?? mainCountries[read?.callingCode ?? ''] ?? '';
  return {
    domain,
    mayForwardOutside: 'all',
    country,
    countries: 'home',
    blockedPrefixes: [],
    exceptions: [],
    protectedNumbers: [],
    confirmMobiles: true,
    concurrentForwards: 5,
    forwardsPerHour: 60,
    suppressInCall: false,
  };
}

/** Whose calling code it is first, where several countries share one and a number does not say which. */
const mainCountries: Readonly<Record<string, string>> = { '1': 'US', '7': 'RU', '39': 'IT', '44': 'GB' };

export type PolicyFacts = {
  readonly policy: RoutingPolicy;
  readonly numbers: NumberReader;
  readonly owner: RoutingOwner;
  /** What people call the owner: an extension or a number. */
  readonly ownerName: string;
  /** The owner is in a call or a meeting. False while a rule is only being saved. */
  readonly engaged: boolean;
  /** Whether a protected number or extension is the owner, or leads to it. */
  readonly guards: (dialled: string) => boolean;
  /** Whether something dialled is within the domain. */
  readonly inside: (dialled: string) => boolean;
};

/** Everybody whom an action calls. */
export function targetsOf(action: Action): readonly string[] {
  switch (action.kind) {
    case 'forward':
      return [action.to];
    case 'ring':
      return action.targets.map(({ to }) => to);
    case 'mailbox':
      return typeof action.of === 'object' ? [action.of.extension] : [];
    default:
      return [];
  }
}

/**
 * Why the policy refuses a rule; undefined when it does not. Asked when a rule is saved and again when it is about to be
 * carried out, since numbers, policies and people change. What an administrator has put there and locked is held to
 * countries and prefixes alone.
 */
export function permits(facts: PolicyFacts, rule: Pick<Rule, 'then' | 'locked'>): string | undefined {
  const outside = targetsOf(rule.then).filter((to) => !facts.inside(to));
  if (outside.length === 0) return undefined;
  const number = outside.map((to) => numberRefused(facts, to)).find((why) => why !== undefined);
  if (number !== undefined) return number;
  if (rule.locked !== true) {
    const person = personRefused(facts);
    if (person !== undefined) return person;
  }
  if (facts.policy.suppressInCall && facts.engaged)
    return `${facts.ownerName} is engaged, and then nothing is forwarded outside`;
  return undefined;
}

function personRefused({ policy, owner, ownerName, guards }: PolicyFacts): string | undefined {
  const { protectedNumbers, mayForwardOutside } = policy;
  if (protectedNumbers.some((one) => guards(one)))
    return `${ownerName} is protected: only a rule that an administrator has locked leads outside`;
  if (owner.kind === 'user' && mayForwardOutside !== 'all' && !mayForwardOutside.includes(ownerName))
    return `${ownerName} may not forward outside`;
  return undefined;
}

function numberRefused({ policy, numbers }: PolicyFacts, to: string): string | undefined {
  const { country, exceptions, blockedPrefixes } = policy;
  const read = numbers.read(to, country);
  if (exceptions.includes(to)) return undefined;
  if (read === undefined)
    return `${to} is neither an extension here nor a telephone number${country === '' ? ' with its country code' : ''}`;
  if (exceptions.some((one) => read.e164.startsWith(one) || numbers.read(one, country)?.e164 === read.e164))
    return undefined;
  const blocked = blockedPrefixes.find((prefix) => read.e164.startsWith(prefix));
  if (blocked !== undefined) return `calls to ${blocked} are blocked`;
  return countryRefused(policy, read);
}

function countryRefused({ countries, country }: RoutingPolicy, read: ReadNumber): string | undefined {
  if (countries === 'all') return undefined;
  const there = read.country ?? `+${read.callingCode}`;
  if (countries !== 'home') return countries.includes(there) ? undefined : `calls to ${there} are blocked`;
  if (country === '') return 'the policy names no country, so nothing is forwarded outside';
  const sameCode = read.country === undefined && mainCountries[read.callingCode] === country;
  return there === country || sameCode ? undefined : `calls abroad (${there}) are blocked`;
}

/** Whether who answers at that number must press 1: a mobile's own mailbox would answer just as well. */
export const needsConfirm = (
  { policy, numbers }: Pick<PolicyFacts, 'policy' | 'numbers'>,
  to: string,
): boolean => policy.confirmMobiles && numbers.read(to, policy.country)?.mobile === true;

const hourMs = 3_600_000;

export type Forwarding =
  { readonly ok: true; readonly release: () => void } | { readonly ok: false; readonly why: string };

/** Counts the calls that owners have forwarded outside: those that go on, and those of the last hour. */
export class ForwardLimits {
  readonly #clock: Clock;
  readonly #owners = new Map<string, { live: number; began: number[] }>();
  #swept = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One more; `release` when that leg has ended, however it did. */
  take(owner: RoutingOwner, policy: RoutingPolicy): Forwarding {
    this.#sweep();
    const key = JSON.stringify([owner.domain, owner.kind, owner.id]);
    const counted = this.#owners.get(key) ?? { live: 0, began: [] };
    const { concurrentForwards, forwardsPerHour } = policy;
    forget(counted.began, this.#clock.now());
    if (counted.live >= concurrentForwards)
      return {
        ok: false,
        why: `${counted.live} calls are forwarded outside already, as many as may be at once`,
      };
    if (counted.began.length >= forwardsPerHour)
      return { ok: false, why: `${forwardsPerHour} calls have been forwarded outside within the hour` };
    counted.live++;
    counted.began.push(this.#clock.now());
    this.#owners.set(key, counted);
    let over = false;
    return {
      ok: true,
      release: () => {
        if (!over) counted.live--;
        over = true;
      },
    };
  }

  /** Whoever has forwarded nothing for an hour; looked for once a minute. */
  #sweep(): void {
    const now = this.#clock.now();
    if (now < this.#swept + hourMs / 60) return;
    this.#swept = now;
    for (const [key, counted] of this.#owners) {
      forget(counted.began, now);
      if (counted.live === 0 && counted.began.length === 0) this.#owners.delete(key);
    }
  }
}

/** Lets go of the times that are more than an hour ago. */
function forget(began: number[], now: number): void {
  while ((began[0] ?? Infinity) <= now - hourMs) began.shift();
}
