import type { Logger } from '../base/index.ts';
import type { LookUps } from '../switch/routing/index.ts';
import { allowedBy, ask } from './web.ts';

const maxBytes = 65_536;
/** More questions than this at once are answered by their rules' fallback. */
const mostAtOnce = 200;

/** Asks services over HTTP what rules want to know: `POST {"caller", "called", "at"}`, answered by `{"result": …}`. */
export function httpLookUps(hosts: readonly string[], log: Logger): LookUps {
  const allows = allowedBy(hosts);
  const failing = new Set<string>();
  let waiting = 0;
  const tell = (url: string, why: string | undefined): void => {
    const { host } = new URL(url);
    if (why !== undefined && !failing.has(host)) log.warn({ host, why }, 'look-up failed');
    if (why === undefined && failing.has(host)) log.info({ host }, 'look-ups are answered again');
    if (why === undefined) failing.delete(host);
    else failing.add(host);
  };
  return {
    allows,
    ask: async ({ url, timeoutMs }, question) => {
      if (waiting >= mostAtOnce || !allows(url)) return undefined;
      waiting++;
      const request = { url, method: 'POST', body: question, timeoutMs, maxBytes, redirects: 0 } as const;
      const answer = await ask({ ...request, accept: 'application/json' }, allows).finally(() => waiting--);
      const result = answer.ok ? resultOf(answer.text) : undefined;
      tell(url, answer.ok ? (result === undefined ? 'its answer has no result' : undefined) : answer.why);
      return result;
    },
  };
}

function resultOf(text: string): string | undefined {
  try {
    const { result } = JSON.parse(text) as { readonly result?: unknown };
    if (typeof result === 'boolean' || typeof result === 'number') return String(result);
    return typeof result === 'string' ? result.slice(0, 200) : undefined;
  } catch {
    return undefined;
  }
}
