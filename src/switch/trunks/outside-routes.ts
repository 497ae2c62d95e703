import type { Random } from '../../base/index.ts';
import {
  trunkDefaults,
  type DirectoryStore,
  type Gateway,
  type ShownCaller,
  type Trunk,
  type TrunkRoute,
  type User,
} from '../../stores/index.ts';
import type { Identity } from '../call/endpoint.ts';
import type { Target } from '../call/ring.ts';
import type { Headers, Route } from '../call/signaling.ts';
import { fits } from '../routing/numbers.ts';
import { callerHeadersFor, userPart, type OutsideCaller } from './caller-id.ts';
import { gatewayName, gatewaysOf, type Gateways } from './gateways.ts';
import { isOutsideNumber, type NumberForms } from './number-form.ts';

/** A call to the telephone network. */
export type OutsideAsk = {
  readonly domain: string;
  /** As it was dialled, or stands in a rule. */
  readonly number: string;
  /** The name of the one trunk that may be used. */
  readonly trunk?: string;
  /** Whose forwarding sends the call outside: their number is shown where the caller's own may not be. */
  readonly onBehalfOf?: User;
  readonly shown?: ShownCaller;
  /** What `main` shows over trunks that have no main number of their own. */
  readonly mainNumber?: string;
  /** A number that is called whatever else is said: on any trunk, and by those that rest. */
  readonly emergency?: boolean;
};

/** A way outside: what is rung, how the caller is shown there, and how long it may say nothing. */
export type OutsideTarget = Target & { readonly callerHeaders: (caller: Identity) => Headers };

export type OutsideParts = {
  readonly directory: DirectoryStore;
  readonly gateways: Gateways;
  readonly forms: NumberForms;
  readonly random: Random;
};

type Choice = { readonly trunk: Trunk; readonly route: TrunkRoute; readonly dice: number };

const everything: TrunkRoute = { pattern: '*' };

/** The longest of a trunk's patterns that fits the number, as it was dialled or in E.164. */
function routeOf(trunk: Trunk, numbers: readonly string[]): TrunkRoute | undefined {
  return (trunk.routes ?? [everything])
    .filter(({ pattern }) => pattern === '*' || numbers.some((number) => fits(pattern, number)))
    .toSorted((a, b) => b.pattern.length - a.pattern.length)[0];
}

/** RFC 2782's way of choosing by weight: the heavier, the likelier first. */
const diceOf = (random: Random, weight: number): number =>
  weight === 0 ? Infinity : -Math.log(1 - random.unit()) / weight;

function chosen({ directory, forms, random }: OutsideParts, ask: OutsideAsk): readonly Choice[] {
  const choices = directory
    .trunks(ask.domain)
    .filter((trunk) => ask.trunk === undefined || trunk.name === ask.trunk)
    .flatMap((trunk): Choice[] => {
      const numbers = [ask.number, forms.e164(ask.number, trunk.country) ?? ask.number];
      const route = routeOf(trunk, numbers) ?? (ask.emergency === true ? everything : undefined);
      if (route === undefined) return [];
      return [{ trunk, route, dice: diceOf(random, route.weight ?? 1) }];
    });
  return choices.toSorted(
    (a, b) =>
      b.route.pattern.length - a.route.pattern.length ||
      (a.route.order ?? 0) - (b.route.order ?? 0) ||
      a.dice - b.dice,
  );
}

/**
 * All ways to an outside number, in the order in which they are to be tried: the trunks whose patterns fit best first,
 * each with its gateways in their order; those that rest come last. Empty when no trunk takes the number.
 */
export function outsideRoutes(parts: OutsideParts, ask: OutsideAsk): readonly OutsideTarget[] {
  const ways = chosen(parts, ask).flatMap(({ trunk, route }) =>
    gatewaysOf(trunk).map((gateway) => ({ trunk, route, gateway })),
  );
  const rests = ({ trunk, gateway }: (typeof ways)[number]) => parts.gateways.rests(trunk, gateway);
  const inOrder = [...ways.filter((way) => !rests(way)), ...ways.filter(rests)];
  return inOrder.map(({ trunk, route, gateway }, i) => {
    const called = calledOver(parts.forms, trunk, route, ask);
    const { patienceSeconds = trunkDefaults.patienceSeconds } = trunk;
    // The last one is given all the time that there is: nobody else is left to try.
    const patience = i === inOrder.length - 1 ? {} : { patienceMs: patienceSeconds * 1000 };
    return {
      endpoint: { kind: 'trunk', trunk, number: ask.number, name: '' },
      route: { ...routeOver(trunk, gateway, called), gateway: { trunk, gateway, ...patience } },
      callerHeaders: (caller) => callerHeadersFor(trunk, shownAs(parts, trunk, ask, caller), called),
    };
  });
}

function calledOver(forms: NumberForms, trunk: Trunk, route: TrunkRoute, ask: OutsideAsk): string {
  // What people dial in an emergency is understood as it is, and nowhere else as anything else.
  if (ask.emergency === true) return ask.number;
  const { pattern, strip = 0, prepend = '' } = route;
  if (strip === 0 && prepend === '')
    return forms.formed(ask.number, trunk.dial ?? trunkDefaults.dial, trunk.country);
  // What is taken away is counted in what the pattern fitted.
  const fitted = pattern === '*' || fits(pattern, ask.number);
  const number = fitted ? ask.number : (forms.e164(ask.number, trunk.country) ?? ask.number);
  return `${prepend}${number.slice(strip)}`;
}

/** The way to an outside number over one gateway of a trunk. */
export function routeOver(trunk: Trunk, gateway: Gateway, user: string): Route {
  const { username, password, transport, carrierDomain } = trunk;
  const parameters = transport === 'udp' ? '' : `;transport=${transport}`;
  const hop = `sip:${gatewayName(gateway)}${parameters}`;
  const at = user === '' ? '' : `${userPart(user)}@`;
  return {
    ...(carrierDomain === undefined
      ? { uri: `sip:${at}${gatewayName(gateway)}${parameters}` }
      : { uri: `sip:${at}${carrierDomain}`, proxy: hop }),
    ...(username === undefined || password === undefined ? {} : { auth: { username, password } }),
  };
}

/** Whether the carrier knows a number as one of this trunk's. */
function owns({ directory, forms }: OutsideParts, trunk: Trunk, number: string): boolean {
  if (trunk.callerId?.number !== undefined && forms.same(trunk.callerId.number, number, trunk.country))
    return true;
  return forms.spellings(number, trunk.country).some((spelling) => {
    const found = directory.number(trunk.domain, spelling);
    return found !== undefined && (found.trunk === undefined || found.trunk === trunk.name);
  });
}

/** The number by which a user is called over this trunk. */
function numberOf(parts: OutsideParts, trunk: Trunk, user: User | undefined): string | undefined {
  if (user === undefined) return undefined;
  if (user.number !== undefined && owns(parts, trunk, user.number)) return user.number;
  return parts.directory
    .numbers(trunk.domain)
    .find(({ target, trunk: only }) => target === user.extension && (only ?? trunk.name) === trunk.name)
    ?.number;
}

/**
 * Who the carrier is told is calling: a number of this trunk's own, the user's or the main one; somebody else's only
 * where the trunk allows it. An extension is shown only where there is no number at all.
 */
function shownAs(parts: OutsideParts, trunk: Trunk, ask: OutsideAsk, caller: Identity): OutsideCaller {
  const { form } = { ...trunkDefaults.callerId, ...trunk.callerId };
  const number = numberShown(parts, trunk, ask, caller) ?? trunk.username ?? caller.number;
  const prefix = ask.shown?.show === 'prefix' ? ask.shown.prefix : '';
  return {
    number: parts.forms.formed(number, form, trunk.country),
    name: `${prefix}${caller.name}`,
    withheld: caller.withheld,
  };
}

function numberShown(
  parts: OutsideParts,
  trunk: Trunk,
  ask: OutsideAsk,
  caller: Identity,
): string | undefined {
  const own = ask.shown?.show === 'main' ? undefined : ownNumber(parts, trunk, ask, caller);
  return own ?? trunk.callerId?.number ?? ask.mainNumber ?? firstNumber(parts, trunk);
}

const firstNumber = ({ directory }: OutsideParts, { domain, name }: Trunk): string | undefined =>
  directory.numbers(domain).find(({ trunk }) => trunk === name)?.number;

function ownNumber(parts: OutsideParts, trunk: Trunk, ask: OutsideAsk, caller: Identity): string | undefined {
  const user = userBehind(parts.directory, trunk.domain, caller.number);
  if (user !== undefined) return numberOf(parts, trunk, user);
  const may = trunk.callerId?.foreign ?? trunkDefaults.callerId.foreign;
  if (isOutsideNumber(caller.number) && (may || owns(parts, trunk, caller.number))) return caller.number;
  return numberOf(parts, trunk, ask.onBehalfOf);
}

/** The user whose extension, or whose device's, a number is. */
function userBehind(directory: DirectoryStore, domain: string, number: string): User | undefined {
  const found = directory.resolve(domain, number);
  return found?.kind === 'user' || found?.kind === 'device' ? found.user : undefined;
}
