/** What an ng dictionary holds. Strings are UTF-8 on the wire; octets that are none stay a `Uint8Array`. */
export type NgValue = string | number | Uint8Array | readonly NgValue[] | NgDictionary;
export type NgDictionary = { readonly [key: string]: NgValue | undefined };

const isDictionary = (value: NgValue | undefined): value is NgDictionary =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);

/** The text at `key`; numbers are taken as text, anything else as absent. */
export function ngText(dictionary: NgDictionary, key: string): string | undefined {
  const value = dictionary[key];
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** The whole number at `key`, also where it was sent as text. */
export function ngNumber(dictionary: NgDictionary, key: string): number | undefined {
  const value = dictionary[key];
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** The texts at `key`: a list, or one text standing for a list of one. */
export function ngList(dictionary: NgDictionary, key: string): string[] {
  const value = dictionary[key];
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

export function ngDictionary(dictionary: NgDictionary, key: string): NgDictionary {
  const value = dictionary[key];
  return isDictionary(value) ? value : {};
}
