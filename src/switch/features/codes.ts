import type { SwitchSettings } from '../call/settings.ts';

export type Feature = keyof SwitchSettings['features']['codes'];

export type DialledCode = { readonly feature: Feature; readonly argument: string };

/** Whether a code takes an extension after it. */
const takesArgument: { readonly [F in Feature]: 'never' | 'may' | 'must' } = {
  pull: 'may',
  push: 'may',
  grab: 'must',
  thisDeviceOnly: 'never',
  thatDeviceOnly: 'must',
  allDevices: 'never',
  profile: 'must',
  doNotDisturb: 'never',
  disturb: 'never',
};

/** What a dialled string means as a feature code. The longest code that fits wins, so that `*33` and `*3` can both be. */
export function parseCode(
  dialled: string,
  codes: SwitchSettings['features']['codes'],
): DialledCode | undefined {
  const fits = (Object.keys(takesArgument) as Feature[])
    .flatMap((feature) => codes[feature].map((code) => ({ feature, code })))
    .filter(({ feature, code }) => dialled.startsWith(code) && allows(feature, dialled.slice(code.length)))
    .toSorted((a, b) => b.code.length - a.code.length);
  const best = fits[0];
  return best === undefined
    ? undefined
    : { feature: best.feature, argument: dialled.slice(best.code.length) };
}

function allows(feature: Feature, rest: string): boolean {
  const rule = takesArgument[feature];
  if (rest === '') return rule !== 'must';
  return rule !== 'never' && !rest.startsWith('*');
}
