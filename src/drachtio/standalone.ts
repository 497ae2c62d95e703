import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createLogger, type Logger } from '../base/index.ts';
import { parseEndpoint } from './endpoint.ts';
import { runEngine } from './engine.ts';
import type { EngineSettings, RequestHandler, SpammerFilter } from './options.ts';

const help = `The signaling engine alone, a drop-in for drachtio-server.

  npm run signaling-engine -- --listen udp:127.0.0.1:5090 --listen tcp:127.0.0.1:5090 \\
                              --admin 127.0.0.1:9022 --secret cymru

  --listen PROTOCOL:ADDRESS:PORT   SIP endpoint; udp, tcp, tls, ws, wss; may be repeated
  --external ADDRESS               what peers are told instead of the endpoints' addresses
  --admin ADDRESS:PORT             where applications connect (127.0.0.1:9022)
  --secret TEXT                    what applications must know
  --secret-file FILE               the same, from a file
  --tls-key FILE, --tls-cert FILE  PEM files for tls and wss endpoints
  --host NAME=ADDRESS              a name that is not asked of DNS; may be repeated
  --outbound-proxy URI             next hop where the application names none
  --spammer HEADER=TEXT            decline requests; HEADER is user-agent, from or to; may be repeated
  --options-auto-respond TEXT      answer OPTIONS with exactly this User-Agent
  --session-refresher WHO          none, uac or uas, where neither side says it
  --handler METHOD=URL             http(s):// or tcp:// handler for new requests; METHOD may be *
  --cdrs                           send call records to the applications that ask for them
  --grace MS                       how long a lost application may take to come back (5000)
  --application-late MS            what an application answers at once may be this late before new INVITEs are kept
                                   from it (250; 0 for never)
  --log-level LEVEL                debug, info (default), warn, error, silent
  --help                           this text
`;

const options = {
  listen: { type: 'string', multiple: true },
  external: { type: 'string' },
  admin: { type: 'string', default: '127.0.0.1:9022' },
  secret: { type: 'string' },
  'secret-file': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-cert': { type: 'string' },
  host: { type: 'string', multiple: true },
  'outbound-proxy': { type: 'string' },
  spammer: { type: 'string', multiple: true },
  'options-auto-respond': { type: 'string' },
  'session-refresher': { type: 'string' },
  handler: { type: 'string', multiple: true },
  cdrs: { type: 'boolean' },
  grace: { type: 'string' },
  'application-late': { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  help: { type: 'boolean' },
} as const;

const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], options, strict: true }).values;
type Arguments = ReturnType<typeof parse>;

const pair = (text: string, flag: string): readonly [string, string] => {
  const at = text.indexOf('=');
  if (at <= 0) throw new Error(`--${flag} ${text}: a name, "=" and a value are expected`);
  return [text.slice(0, at), text.slice(at + 1)];
};

const adminOf = (text: string, secret: string): EngineSettings['admin'] => {
  const endpoint = parseEndpoint(`tcp:${text}`);
  if (typeof endpoint === 'string')
    throw new Error(`--admin ${text}: an address like 127.0.0.1:9022 is expected`);
  return { host: endpoint.address, port: endpoint.port, secret };
};

const secretOf = (args: Arguments): string => {
  const file = args['secret-file'];
  const secret = file === undefined ? args.secret : readFileSync(file, 'utf8').trim();
  if (secret === undefined || secret === '') throw new Error('--secret or --secret-file is needed');
  return secret;
};

const spammersOf = (texts: readonly string[]): SpammerFilter[] =>
  texts.map((text) => {
    const [header, value] = pair(text, 'spammer');
    if (header !== 'user-agent' && header !== 'from' && header !== 'to')
      throw new Error(`--spammer ${text}: the header is user-agent, from or to`);
    return { header, values: [value] };
  });

const refresherOf = (text: string): 'none' | 'uac' | 'uas' => {
  if (text === 'none' || text === 'uac' || text === 'uas') return text;
  throw new Error(`--session-refresher ${text}: none, uac or uas is expected`);
};

const endpointsOf = (args: Arguments): EngineSettings['listen'] => {
  const texts = args.listen ?? [];
  if (texts.length === 0) throw new Error('--listen is needed');
  return texts.map((text) => {
    const endpoint = parseEndpoint(text);
    if (typeof endpoint === 'string') throw new Error(`--listen: ${endpoint}`);
    return args.external === undefined ? endpoint : { ...endpoint, external: { address: args.external } };
  });
};

const tlsOf = (args: Arguments): EngineSettings['tls'] => {
  const { 'tls-key': key, 'tls-cert': cert } = args;
  if (key === undefined || cert === undefined) return undefined;
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
};

/** The settings that the command line asks for; throws what is wrong with it. */
export const settingsOf = (args: Arguments): EngineSettings => {
  const tls = tlsOf(args);
  const handlers = (args.handler ?? []).map((text): RequestHandler => {
    const [method, url] = pair(text, 'handler');
    return { method, url };
  });
  return {
    listen: endpointsOf(args),
    admin: adminOf(args.admin, secretOf(args)),
    ...(tls && { tls }),
    hosts: Object.fromEntries((args.host ?? []).map((text) => pair(text, 'host'))),
    spammers: spammersOf(args.spammer ?? []),
    requestHandlers: handlers,
    cdrs: args.cdrs ?? false,
    ...(args['outbound-proxy'] !== undefined && { outboundProxy: args['outbound-proxy'] }),
    ...(args['options-auto-respond'] !== undefined && { optionsAutoRespond: args['options-auto-respond'] }),
    ...(args['session-refresher'] !== undefined && {
      sessionTimers: { defaultRefresher: refresherOf(args['session-refresher']) },
    }),
    ...(args.grace !== undefined && { applicationGraceMs: Number(args.grace) }),
    ...(args['application-late'] !== undefined && {
      limits: { applicationLateMs: Number(args['application-late']) },
    }),
  };
};

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const loggerOf = (text: string): Logger => {
  const level = levels.find((name) => name === text);
  if (level === undefined) throw new Error(`--log-level ${text}: one of ${levels.join(', ')} is expected`);
  return createLogger({ level, numbers: false, sdp: false });
};

const main = async (argv: readonly string[]): Promise<void> => {
  const args = parse(argv);
  if (args.help) {
    process.stdout.write(help);
    return;
  }
  const log = loggerOf(args['log-level']);
  const engine = await runEngine(settingsOf(args), log);
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping');
    void engine.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  log.info({ listeners: engine.listeners, admin: engine.admin }, 'ready');
};

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
