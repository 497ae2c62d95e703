/** The parts of a SIP URI that decide whether two contacts are one (RFC 3261 §19.1.4). */
type Comparable = {
  readonly scheme: string;
  readonly user: string;
  readonly host: string;
  readonly port: string;
  readonly params: ReadonlyMap<string, string>;
  readonly headers: string;
};

/** Parameters that count even when only one of the two URIs has them. */
const decisive = ['transport', 'user', 'ttl', 'method', 'maddr'];

const uriPattern = /^(sips?):(?:([^@]*)@)?(\[[^\]]*\]|[^:;?]*)(?::(\d+))?((?:;[^?]*)?)(?:\?(.*))?$/i;

function unescapeUnreserved(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.!~*'()-]/.test(char) ? char : whole.toUpperCase();
  });
}

function parse(uri: string): Comparable | undefined {
  const match = uriPattern.exec(uri.trim());
  if (match === null) return undefined;
  const params = new Map<string, string>();
  for (const part of (match[5] ?? '').split(';').filter((p) => p !== '')) {
    const [name = '', value = ''] = part.split('=');
    params.set(name.trim().toLowerCase(), unescapeUnreserved(value.trim()).toLowerCase());
  }
  return {
    scheme: (match[1] ?? '').toLowerCase(),
    user: unescapeUnreserved(match[2] ?? ''),
    host: (match[3] ?? '').toLowerCase(),
    port: match[4] ?? '',
    params,
    headers: (match[6] ?? '').split('&').sort().join('&').toLowerCase(),
  };
}

function sameParams(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (decisive.some((name) => a.get(name) !== b.get(name))) return false;
  return [...a].every(([name, value]) => !b.has(name) || b.get(name) === value);
}

/** Whether two Contact URIs are one by RFC 3261 §19.1.4; what is not a SIP URI is compared letter by letter. */
export function sameContact(a: string, b: string): boolean {
  if (a === b) return true;
  const left = parse(a);
  const right = parse(b);
  if (left === undefined || right === undefined) return false;
  return (
    left.scheme === right.scheme &&
    left.user === right.user &&
    left.host === right.host &&
    left.port === right.port &&
    left.headers === right.headers &&
    sameParams(left.params, right.params)
  );
}
