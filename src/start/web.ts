/** What a request to somebody else's server came to. */
export type WebAnswer =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

export type WebRequest = {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  /** JSON; none for GET. */
  readonly body?: object;
  readonly accept: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** How many redirects are followed, each to an allowed address. */
  readonly redirects: number;
};

/**
 * Whether an address may be asked: its host, with its port where it is said, is among those that the configuration names.
 * Rules are written by users; without this they could ask whatever this machine can reach.
 */
export function allowedBy(hosts: readonly string[]): (url: string) => boolean {
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
    if (url.username !== '' || url.password !== '') return false;
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    // A host without a port stands for the usual ones.
    return known.has(`${url.hostname}:${port}`) || (url.port === '' && known.has(url.hostname));
  };
}

/** Asks an allowed server, for so long and for so much. Never rejects. */
export async function ask(request: WebRequest, allows: (url: string) => boolean): Promise<WebAnswer> {
  const signal = AbortSignal.timeout(request.timeoutMs);
  try {
    return await follow(request, allows, signal);
  } catch (error) {
    if (signal.aborted) return { ok: false, why: `no answer within ${request.timeoutMs} ms` };
    const { message, cause } = error as Error;
    return { ok: false, why: cause instanceof Error ? cause.message : message };
  }
}

async function follow(
  { url: first, method, body, accept, maxBytes, redirects }: WebRequest,
  allows: (url: string) => boolean,
  signal: AbortSignal,
): Promise<WebAnswer> {
  let url = first;
  for (let left = redirects; ; left--) {
    if (!allows(url)) return { ok: false, why: 'the configuration does not allow this address' };
    // oxlint-disable-next-line no-await-in-loop -- one redirect after the other
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { accept, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
    const location = response.headers.get('location');
    if (response.ok) return read(response, maxBytes);
    // oxlint-disable-next-line no-await-in-loop -- likewise
    await response.body?.cancel();
    if (response.status < 300 || response.status > 399 || location === null)
      return { ok: false, why: `it answered ${response.status}` };
    if (left === 0) return { ok: false, why: 'it leads elsewhere' };
    url = new URL(location, url).href;
  }
}

async function read(response: Response, maxBytes: number): Promise<WebAnswer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    // Leaving the loop lets go of the connection.
    if (size > maxBytes) return { ok: false, why: `its answer is longer than ${maxBytes} bytes` };
    chunks.push(bytes);
  }
  return { ok: true, text: Buffer.concat(chunks).toString('utf8') };
}
