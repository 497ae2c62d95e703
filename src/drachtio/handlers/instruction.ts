import { parseDuration, type ProxyOrder } from '../proxy/proxy-order.ts';

/** What a routing service says is to be done with a request. */
export type Instruction =
  | { readonly action: 'reject'; readonly status: number; readonly reason: string | undefined }
  | { readonly action: 'redirect'; readonly contacts: readonly string[] }
  | { readonly action: 'proxy'; readonly order: Omit<ProxyOrder, 'transactionId'> }
  | { readonly action: 'connect'; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly action: 'tag'; readonly tag: string };

type Data = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Data => typeof value === 'object' && value !== null;

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
    (v): v is string => typeof v === 'string' && v !== '',
  );

/** `host:port`, `host:port;transport=tls`, `tcp://host:port`, `tls://host:port`. */
export const parseApplicationUri = (
  text: string,
): Extract<Instruction, { action: 'connect' }> | undefined => {
  const match =
    /^(?:(tcp|tls):\/\/)?(?:\[([^\]]+)\]|([^:;/?[\]]+)):(\d{1,5})(?:;transport=(tcp|tls))?\/?$/i.exec(text);
  if (match === null) return undefined;
  const port = Number(match[4]);
  if (port === 0 || port > 65_535) return undefined;
  const tls = (match[1] ?? match[5] ?? 'tcp').toLowerCase() === 'tls';
  return { action: 'connect', host: match[2] ?? match[3] ?? '', port, tls };
};

const reject = (data: Data): Instruction | undefined => {
  const status = Number(data['status']);
  if (!Number.isInteger(status) || status < 300 || status > 699) return undefined;
  return { action: 'reject', status, reason: texts(data['reason'])[0] };
};

const redirect = (data: Data): Instruction | undefined => {
  const contacts = texts(data['contact']);
  return contacts.length > 0 ? { action: 'redirect', contacts } : undefined;
};

const withScheme = (uri: string): string => (/^(sips?|tel):/i.test(uri) ? uri : `sip:${uri}`);

const proxy = (data: Data): Instruction | undefined => {
  const targets = texts(data['destination']).map(withScheme);
  if (targets.length === 0) return undefined;
  return {
    action: 'proxy',
    order: {
      recordRoute: data['recordRoute'] === true,
      fullResponse: false,
      followRedirects: data['followRedirects'] !== false,
      serial: data['simultaneous'] !== true,
      provisionalMs: parseDuration(texts(data['provisionalTimeout'])[0] ?? '5s'),
      finalMs: parseDuration(texts(data['finalTimeout'])[0] ?? '60s'),
      targets,
    },
  };
};

const route = (data: Data): Instruction | undefined => {
  const [tag] = texts(data['tag']);
  if (tag !== undefined) return { action: 'tag', tag };
  const [uri] = texts(data['uri']);
  return uri === undefined ? undefined : parseApplicationUri(uri.replace(/^sips?:/i, ''));
};

const readers: ReadonlyMap<unknown, (data: Data) => Instruction | undefined> = new Map([
  ['reject', reject],
  ['redirect', redirect],
  ['proxy', proxy],
  ['route', route],
]);

/** Reads `{"action": …, "data": {…}}`; undefined when it makes no sense. */
export const parseInstruction = (json: string): Instruction | undefined => {
  try {
    const value: unknown = JSON.parse(json);
    if (!isRecord(value)) return undefined;
    const data = value['data'];
    return readers.get(value['action'])?.(isRecord(data) ? data : {});
  } catch {
    return undefined;
  }
};
