import type { Clock } from '../base/index.ts';
import { ngDictionary, ngNumber, type NgDictionary } from '../ng/index.ts';
import type { MediaEngineOptions } from './options.ts';

/** How often each command came and how long it took. */
export class CommandStatistics {
  readonly #clock: Clock;
  readonly #started: number;
  readonly #counts = new Map<string, { count: number; ms: number }>();
  #errors = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#started = clock.wall();
  }

  get uptime(): number {
    return Math.floor((this.#clock.wall() - this.#started) / 1000);
  }

  count(command: string, ms: number, failed: boolean): void {
    const known = Object.hasOwn(columns, command) ? command : 'other';
    const entry = this.#counts.get(known) ?? { count: 0, ms: 0 };
    entry.count++;
    entry.ms += ms;
    this.#counts.set(known, entry);
    if (failed) this.#errors++;
  }

  describe(): NgDictionary {
    const own: Record<string, number | string> = {};
    const all: Record<string, number> = {};
    for (const [command, column] of Object.entries(columns)) {
      const { count, ms } = this.#counts.get(command) ?? { count: 0, ms: 0 };
      own[`${column}count`] = count;
      own[`${column}duration`] = (ms / 1000).toFixed(6);
      all[`total${column}count`] = count;
    }
    return { proxies: [{ proxy: 'all', ...own, errorcount: this.#errors }], ...all };
  }
}

const columns: Readonly<Record<string, string>> = {
  ping: 'ping',
  offer: 'offer',
  answer: 'answer',
  delete: 'delete',
  query: 'query',
  list: 'list',
  'start recording': 'startrec',
  'stop recording': 'stoprec',
  'block DTMF': 'blkdtmf',
  'unblock DTMF': 'unblkdtmf',
  'block media': 'blkmedia',
  'unblock media': 'unblkmedia',
  'play media': 'playmedia',
  'stop media': 'stopmedia',
  'play DTMF': 'playdtmf',
  statistics: 'stats',
  'silence media': 'slnmedia',
  'unsilence media': 'unslnmedia',
  publish: 'pub',
  'subscribe request': 'subreq',
  'subscribe answer': 'subans',
  unsubscribe: 'unsub',
};

/** The parts of all threads as one `statistics` dictionary in rtpengine's shape. */
export function mergeStatistics(
  parts: readonly NgDictionary[],
  commands: CommandStatistics,
  options: MediaEngineOptions,
): NgDictionary {
  const sum = (key: string) => parts.reduce((total, part) => total + (ngNumber(part, key) ?? 0), 0);
  const sessions = sum('sessions');
  const ended = sum('ended');
  const duration = sum('durationMs') / 1000;
  const portsUsed = parts.reduce(
    (total, part) => total + (ngNumber(ngDictionary(part, 'ports'), 'used') ?? 0),
    0,
  );
  return {
    currentstatistics: {
      sessionsown: sessions,
      sessionsforeign: 0,
      sessionstotal: sessions,
      transcodedmedia: sum('transcoded'),
      packetrate: sum('packetRate'),
      byterate: sum('byteRate'),
      errorrate: 0,
      media_userspace: sum('media'),
      media_kernel: 0,
      media_mixed: 0,
    },
    totalstatistics: {
      uptime: String(commands.uptime),
      managedsessions: sum('managed'),
      rejectedsessions: sum('rejected'),
      timeoutsessions: sum('timeouts'),
      silenttimeoutsessions: 0,
      finaltimeoutsessions: 0,
      offertimeoutsessions: 0,
      regularterminatedsessions: ended,
      forcedterminatedsessions: 0,
      relayedpackets: sum('packets'),
      relayedpacketerrors: sum('errors'),
      relayedbytes: sum('bytes'),
      avgcallduration: (ended === 0 ? 0 : duration / ended).toFixed(6),
      totalcallsduration: duration.toFixed(6),
    },
    controlstatistics: commands.describe(),
    interfaces: interfaces(options, portsUsed),
    transcoders: [],
  };
}

function interfaces(options: MediaEngineOptions, used: number): NgDictionary[] {
  const [min, max] = options.ports;
  const totals = Math.floor((max - min + 1) / 2);
  const ports = { min, max, used, used_pct: ((100 * used) / totals).toFixed(2), free: totals - used, totals };
  const addresses = [options.addresses.IP4, options.addresses.IP6].filter((a) => a !== undefined);
  return addresses.map((address) => ({ name: 'default', address, ports }));
}
