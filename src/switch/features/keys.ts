/**
 * What a user's keys mean during a call (decision X13): a pure step. A `*` is held back until it is known whether it
 * begins the push code; whatever turns out to be meant for the far end goes there, in order and with its length.
 */
export type Key = { readonly digit: string; readonly durationMs: number };

export type Keys =
  | { readonly phase: 'talking' }
  /** The beginning of a code, perhaps. The first key is `spent` when it has cancelled a push: it goes nowhere else. */
  | { readonly phase: 'holding'; readonly held: readonly Key[]; readonly spent: boolean }
  /** After the code: the extension, until `#`. */
  | { readonly phase: 'dialling'; readonly digits: string }
  /** The target rings: `*` cancels, all else is for the far end. */
  | { readonly phase: 'pushing' };

export type KeyEvent =
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'timeout' }
  /** The push is over, however it ended; or it was begun by the API. */
  | { readonly kind: 'push-over' }
  | { readonly kind: 'push-begun' }
  /** Codes are no longer looked for in this call. */
  | { readonly kind: 'off' };

export type KeyEffect =
  | { readonly do: 'forward'; readonly keys: readonly Key[] }
  /** Ready for an extension: the user alone hears a beep. */
  | { readonly do: 'beep' }
  | { readonly do: 'error-tone' }
  /** An empty extension means the user's other devices. */
  | { readonly do: 'push'; readonly extension: string }
  | { readonly do: 'cancel' }
  /** Starts the timer anew; any key or end stops it. */
  | { readonly do: 'wait'; readonly for: 'star' | 'dial' }
  | { readonly do: 'stop-waiting' };

export const noKeys: Keys = { phase: 'talking' };
const maxDigits = 20;

type Step = readonly [Keys, readonly KeyEffect[]];
type Phase = Keys['phase'];
type Of<P extends Phase> = Extract<Keys, { phase: P }>;
type Arms<P extends Phase> = {
  readonly [K in KeyEvent['kind']]: (
    keys: Of<P>,
    event: Extract<KeyEvent, { kind: K }>,
    codes: readonly string[],
  ) => Step;
};

const stay = (keys: Keys): Step => [keys, []];
const typed = (keys: readonly Key[]): string => keys.map((key) => key.digit).join('');

const forward = (keys: readonly Key[]): readonly KeyEffect[] =>
  keys.length === 0 ? [] : [{ do: 'forward', keys }];

/** What is held back is let go, but for a key that was used. */
const given = ({ held, spent }: Of<'holding'>): readonly KeyEffect[] => [
  { do: 'stop-waiting' },
  ...forward(held.slice(spent ? 1 : 0)),
];

/** Looks at what has been held together with the new key. */
function begun(held: readonly Key[], codes: readonly string[], spent = false): Step {
  const text = typed(held);
  const from = spent ? 1 : 0;
  if (codes.includes(text))
    return [{ phase: 'dialling', digits: '' }, [{ do: 'beep' }, { do: 'wait', for: 'dial' }]];
  if (codes.some((code) => code.startsWith(text)))
    return [{ phase: 'holding', held, spent }, [{ do: 'wait', for: 'star' }]];
  // The last keys may be the beginning of a code although together with those before them they are not.
  const cut = held.findIndex((_, i) => i > 0 && codes.some((code) => code.startsWith(typed(held.slice(i)))));
  if (cut > 0)
    return [
      { phase: 'holding', held: held.slice(cut), spent: false },
      [...forward(held.slice(from, cut)), { do: 'wait', for: 'star' }],
    ];
  return [noKeys, [{ do: 'stop-waiting' }, ...forward(held.slice(from))]];
}

/** A `*` that cancels may begin the next push at once: of the code nothing reaches the far end then either. */
function cancelled(key: Key, codes: readonly string[], effect: KeyEffect): Step {
  const [next, effects] = begun([key], codes, true);
  return [next, [effect, ...effects]];
}

function dialled(keys: Of<'dialling'>, key: Key, codes: readonly string[]): Step {
  const { digit } = key;
  if (digit === '*') return cancelled(key, codes, { do: 'beep' });
  if (digit === '#')
    return [{ phase: 'pushing' }, [{ do: 'stop-waiting' }, { do: 'push', extension: keys.digits }]];
  // One too many is no extension any more; the rest is of the same number, and not for the far end.
  const digits = keys.digits.length > maxDigits ? keys.digits : keys.digits + digit;
  return [{ phase: 'dialling', digits }, [{ do: 'wait', for: 'dial' }]];
}

const phases: { readonly [P in Phase]: Arms<P> } = {
  talking: {
    key: (_, { key }, codes) => begun([key], codes),
    timeout: stay,
    'push-over': stay,
    'push-begun': () => stay({ phase: 'pushing' }),
    off: stay,
  },
  holding: {
    key: (keys, { key }, codes) => begun([...keys.held, key], codes, keys.spent),
    timeout: (keys) => [noKeys, given(keys)],
    'push-over': stay,
    'push-begun': (keys) => [{ phase: 'pushing' }, given(keys)],
    off: (keys) => [noKeys, given(keys)],
  },
  dialling: {
    key: (keys, { key }, codes) => dialled(keys, key, codes),
    timeout: () => [noKeys, [{ do: 'error-tone' }]],
    'push-over': stay,
    'push-begun': () => [{ phase: 'pushing' }, [{ do: 'stop-waiting' }]],
    off: () => [noKeys, [{ do: 'stop-waiting' }]],
  },
  pushing: {
    key: (keys, { key }, codes) =>
      key.digit === '*' ? cancelled(key, codes, { do: 'cancel' }) : [keys, [{ do: 'forward', keys: [key] }]],
    timeout: stay,
    'push-over': () => stay(noKeys),
    'push-begun': stay,
    off: () => stay(noKeys),
  },
};

/** `codes` are the push codes in force; without any, nothing is ever held back. */
export function stepKeys(keys: Keys, event: KeyEvent, codes: readonly string[]): Step {
  const arm = phases[keys.phase][event.kind] as (
    keys: Keys,
    event: KeyEvent,
    codes: readonly string[],
  ) => Step;
  return arm(keys, event, codes);
}
