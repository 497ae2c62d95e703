import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Logger } from '../base/index.ts';
import { startMediaEngine } from './engine.ts';
import type { MediaEngineOptions } from './options.ts';

/** `npm run media-engine`: the relay alone, for any ng client. */
const usage = `usage: npm run media-engine -- --listen ADDRESS:PORT --address ADDRESS --ports FIRST-LAST
  --listen ADDRESS:PORT     where ng commands arrive over UDP (127.0.0.1:22222)
  --listen-tcp ADDRESS:PORT where they arrive over TCP as well
  --listen-ws ADDRESS:PORT  and over WebSocket (ng.rtpengine.com)
  --address ADDRESS         where media ports are bound; once for IPv4, once for IPv6 (127.0.0.1)
  --advertise ADDRESS       what session descriptions say instead, behind a NAT
  --ports FIRST-LAST        the media ports (30000-39999)
  --dtmf-log ADDRESS:PORT   where telephone events and lost calls are announced as JSON over UDP
  --threads N               threads that move packets (one less than there are processors, at least 1)
  --io auto|node            packets by io_uring where the system has it, or by node:dgram in any case (auto)
  --recording-dir FOLDER    where recordings are written`;

const fail = (reason: string): never => {
  process.stderr.write(`media-engine: ${reason}\n${usage}\n`);
  process.exit(1);
};

function endpoint(text: string, option: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return fail(`--${option} wants ADDRESS:PORT, not ${text}`);
  return { address: match[1] ?? match[2]!, port: Number(match[3]) };
}

function byFamily(addresses: readonly string[]): { IP4?: string; IP6?: string } {
  const found: { IP4?: string; IP6?: string } = {};
  for (const address of addresses) found[address.includes(':') ? 'IP6' : 'IP4'] = address;
  return found;
}

function ports(text: string): [number, number] {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || first < 1 || last > 65_535 || last <= first)
    return fail(`--ports wants FIRST-LAST, not ${text}`);
  return [first, last];
}

function readOptions(): MediaEngineOptions {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', default: '127.0.0.1:22222' },
      'listen-tcp': { type: 'string' },
      'listen-ws': { type: 'string' },
      address: { type: 'string', multiple: true, default: ['127.0.0.1'] },
      advertise: { type: 'string', multiple: true, default: [] },
      ports: { type: 'string', default: '30000-39999' },
      'dtmf-log': { type: 'string' },
      threads: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
      io: { type: 'string', default: 'auto' },
      'recording-dir': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) fail('--threads wants 1 to 64');
  const { 'listen-tcp': tcp, 'listen-ws': ws, io } = values;
  if (io !== 'auto' && io !== 'node') return fail('--io wants auto or node');
  const dtmfLog = values['dtmf-log'];
  const recordingDirectory = values['recording-dir'];
  return {
    listen: endpoint(values.listen, 'listen'),
    ...(tcp === undefined ? {} : { listenTcp: endpoint(tcp, 'listen-tcp') }),
    ...(ws === undefined ? {} : { listenWebSocket: endpoint(ws, 'listen-ws') }),
    addresses: byFamily(values.address),
    advertise: byFamily(values.advertise),
    ports: ports(values.ports),
    ...(dtmfLog === undefined ? {} : { dtmfLog: endpoint(dtmfLog, 'dtmf-log') }),
    threads,
    io,
    ...(recordingDirectory === undefined ? {} : { recordingDirectory }),
  };
}

const line = (level: string) => (fields: object, message?: string) =>
  void process.stderr.write(`${JSON.stringify({ level, ...fields, msg: message })}\n`);
const logger: Logger = {
  debug: () => undefined,
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
  child: () => logger,
};

async function main(): Promise<void> {
  const engine = await startMediaEngine(readOptions(), logger);
  logger.info({ address: engine.address, port: engine.port }, 'ready');
  const stop = () => void engine.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
