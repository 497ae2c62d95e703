import { headerParameters, longestHeader, nameAddress, splitHeader } from './header-values.ts';

/** One value of a Contact header. `expires` is as it was written, so that nonsense can be told from absence. */
export type ContactValue = {
  readonly uri: string;
  readonly q: number;
  readonly expires?: string;
  readonly instance?: string;
  readonly regId?: number;
};

function parseOne(text: string): ContactValue | undefined {
  const { uri = '', rest = '' } = nameAddress(text) ?? {};
  if (!/^sips?:[^\s"<>]+$/i.test(uri) || !/^\s*(;|$)/.test(rest)) return undefined;
  const params = headerParameters(rest);
  const instance = params.get('+sip.instance')?.replace(/^<|>$/g, '') ?? '';
  const expires = params.get('expires');
  return {
    uri,
    q: preference(params.get('q')),
    ...(expires === undefined ? {} : { expires }),
    ...(instance === '' ? {} : { instance }),
    ...flowNumber(params.get('reg-id')),
  };
}

/** 0 to 1; 1 when it is not given or no number. */
function preference(text = '1'): number {
  const q = Number(text);
  return Number.isFinite(q) ? Math.min(1, Math.max(0, q)) : 1;
}

function flowNumber(text = ''): { readonly regId?: number } {
  return /^[1-9]\d{0,8}$/.test(text) ? { regId: Number(text) } : {};
}

/** The values of Contact, `'*'`, or undefined when it makes no sense. Only SIP and SIPS URIs can be registered. */
export function parseContacts(value: string): readonly ContactValue[] | '*' | undefined {
  if (value.length > longestHeader) return undefined;
  if (value.trim() === '*') return '*';
  const parts = splitHeader(value);
  const contacts = parts.flatMap((part) => parseOne(part) ?? []);
  return contacts.length === parts.length ? contacts : undefined;
}
