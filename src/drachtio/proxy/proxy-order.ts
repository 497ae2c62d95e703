/** What a proxy command asks for. Times in milliseconds. */
export type ProxyOrder = {
  readonly transactionId: string;
  readonly recordRoute: boolean;
  /** The application wants to see each final response, and the end. */
  readonly fullResponse: boolean;
  readonly followRedirects: boolean;
  readonly serial: boolean;
  readonly provisionalMs: number | undefined;
  readonly finalMs: number | undefined;
  readonly targets: readonly string[];
};

/** `2s`, `1500ms`; undefined for anything else. */
export const parseDuration = (text: string): number | undefined => {
  const [, number, unit] = /^(\d{1,7})(ms|s)?$/.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  return Number(number) * (unit === 'ms' ? 1 : 1000);
};

/** The tokens behind `proxy`; undefined when there are too few. */
export const parseProxyOrder = (tokens: readonly string[]): ProxyOrder | undefined => {
  const [transactionId = '', remain, full, follow, forking, provisional = '', final = '', ...targets] =
    tokens;
  if (tokens.length < 2) return undefined;
  return {
    transactionId,
    recordRoute: remain === 'remainInDialog',
    fullResponse: full === 'fullResponse',
    followRedirects: follow === 'followRedirects',
    serial: forking !== 'simultaneous',
    provisionalMs: parseDuration(provisional),
    finalMs: parseDuration(final),
    targets: targets.filter((target) => target !== ''),
  };
};
