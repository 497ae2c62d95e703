import { randomBytes } from 'node:crypto';
import { backup } from './backup.ts';
import type { ApiClient, Json } from './client.ts';
import { ruleCommands } from './rule-commands.ts';
import { when, type Column } from './table.ts';
import { trunkCommands } from './trunk-commands.ts';

/** What a command yields: rows in columns, one thing, plain text, or nothing but that it was done. */
export type Result =
  | { readonly kind: 'list'; readonly rows: readonly Json[]; readonly columns: readonly Column[] }
  | { readonly kind: 'one'; readonly thing: Json }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'done'; readonly text: string };

type Options = Readonly<Record<string, string | boolean | undefined>>;

type Given = {
  readonly api: ApiClient;
  /** The command's arguments, as many as it has names for; the last may be absent. */
  readonly args: readonly string[];
  readonly options: Options;
  readonly pin: string | undefined;
  /** What relative paths are taken from. */
  readonly folder: string;
};

export type Command = {
  /** `users add EXT NAME`: words, arguments in capitals, optional ones in brackets. */
  readonly usage: string;
  readonly help: string;
  readonly options?: readonly string[];
  readonly run: (given: Given) => Promise<Result>;
};

const field = (key: string) => (row: Json) => row[key];
const column = (title: string, key = title): Column => [title, field(key)];
const path = (...parts: readonly (string | undefined)[]) =>
  parts.map((part) => `/${encodeURIComponent(part ?? '')}`).join('');
const items = (answer: Json) => answer['items'] as readonly Json[];
const short = (id: unknown) => (id as string).slice(0, 8);

function query(options: Options, names: readonly string[]): string {
  const pairs = names.flatMap((name): [string, string][] => {
    const value = options[name];
    return typeof value === 'string' ? [[name, timeOf(name, value)]] : [];
  });
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

/** Times may be written as dates. */
function timeOf(name: string, value: string): string {
  if (name !== 'since' && name !== 'until') return value;
  const wall = /^\d+$/.test(value) ? Number(value) : Date.parse(value);
  if (Number.isNaN(wall)) throw new Error(`--${name}: ${value} is no time`);
  return String(wall);
}

/** A live call by its id or the beginning of it. */
async function callId(api: ApiClient, beginning: string): Promise<string> {
  const found = items(await api.ask('GET', '/calls'))
    .map((call) => call['id'] as string)
    .filter((id) => id.startsWith(beginning));
  if (found.length > 1) throw new Error(`${found.length} calls begin with ${beginning}`);
  return found[0] ?? beginning;
}

const talkers = (row: Json, party: string) =>
  (row['legs'] as readonly Json[])
    .filter((leg) => leg['party'] === party && leg['state'] !== 'ended')
    .map((leg) => leg['device'] ?? leg['trunk'] ?? leg['user']);

const directory: readonly Command[] = [
  {
    usage: 'users',
    help: 'users',
    run: async ({ api }) => ({
      kind: 'list',
      rows: items(await api.ask('GET', '/users')),
      columns: [column('extension'), column('name'), column('devices')],
    }),
  },
  {
    usage: 'users show EXT',
    help: 'one user',
    run: async ({ api, args }) => ({ kind: 'one', thing: await api.ask('GET', path('users', args[0])) }),
  },
  {
    usage: 'users add EXT NAME',
    help: 'makes a user; FLIPSWITCH_PIN is the PIN',
    run: async ({ api, args: [extension, name], pin }) => ({
      kind: 'one',
      thing: await api.ask('POST', '/users', { extension, name, ...(pin === undefined ? {} : { pin }) }),
    }),
  },
  {
    usage: 'users remove EXT',
    help: 'removes a user with all devices',
    run: async ({ api, args }) => {
      await api.ask('DELETE', path('users', args[0]));
      return { kind: 'done', text: `user ${args[0]} removed` };
    },
  },
  {
    usage: 'devices [USER]',
    help: 'devices, of one user or all',
    run: async ({ api, args }) => ({
      kind: 'list',
      rows: items(
        await api.ask('GET', args[0] === undefined ? '/devices' : path('users', args[0], 'devices')),
      ),
      columns: ['extension', 'user', 'name', 'kind', 'trusted', 'registered'].map((key) => column(key)),
    }),
  },
  {
    usage: 'devices show EXT',
    help: 'one device',
    run: async ({ api, args }) => ({ kind: 'one', thing: await api.ask('GET', path('devices', args[0])) }),
  },
  {
    usage: 'devices add EXT USER NAME',
    help: 'makes a device and says its password, which was made for it',
    options: ['kind'],
    run: async ({ api, args: [extension, user, name], options: { kind } }) => {
      const password = randomBytes(12).toString('base64url');
      const device = { extension, user, name, password, ...(kind === undefined ? {} : { kind }) };
      return { kind: 'one', thing: { ...(await api.ask('POST', '/devices', device)), password } };
    },
  },
  {
    usage: 'devices remove EXT',
    help: 'removes a device',
    run: async ({ api, args }) => {
      await api.ask('DELETE', path('devices', args[0]));
      return { kind: 'done', text: `device ${args[0]} removed` };
    },
  },
  {
    usage: 'bindings',
    help: 'registrations',
    run: async ({ api }) => ({
      kind: 'list',
      rows: items(await api.ask('GET', '/bindings')),
      columns: [
        column('user'),
        column('device'),
        column('contact'),
        column('phone', 'userAgent'),
        ['expires', (row) => when(row['expiresAt'])],
      ],
    }),
  },
  {
    usage: 'cold-route USER [DEVICE]',
    help: 'the one device that rings for a user; with DEVICE sets it, with `all` lets all ring again',
    run: async ({ api, args: [user, device] }) => {
      const resource = path('users', user, 'cold-route');
      if (device === 'all') await api.ask('DELETE', resource);
      const thing =
        device === undefined || device === 'all'
          ? await api.ask('GET', resource)
          : await api.ask('PUT', resource, { device });
      return { kind: 'one', thing };
    },
  },
];

const calls: readonly Command[] = [
  {
    usage: 'calls',
    help: 'live calls',
    run: async ({ api }) => ({
      kind: 'list',
      rows: items(await api.ask('GET', '/calls')),
      columns: [
        ['call', (row) => short(row['id'])],
        column('state'),
        column('from'),
        ['on', (row) => talkers(row, 'caller')],
        column('to'),
        ['on', (row) => talkers(row, 'callee')],
        ['since', (row) => when(row['startedAt'])],
      ],
    }),
  },
  {
    usage: 'calls show CALL',
    help: 'one call; the beginning of its id is enough',
    run: async ({ api, args: [call = ''] }) => ({
      kind: 'one',
      thing: await api.ask('GET', path('calls', await callId(api, call))),
    }),
  },
  {
    usage: 'calls end CALL',
    help: 'ends a call',
    run: async ({ api, args: [call = ''] }) => {
      await api.ask('DELETE', path('calls', await callId(api, call)));
      return { kind: 'done', text: 'ended' };
    },
  },
  {
    usage: 'flip CALL [DEVICE]',
    help: 'moves a call to a device; without, to all other devices; --to EXT hands it to somebody else; --wait waits for the outcome',
    options: ['to', 'wait'],
    run: flip,
  },
  {
    usage: 'flip-cancel CALL',
    help: 'gives a flip up',
    run: async ({ api, args: [call = ''] }) => {
      await api.ask('DELETE', path('calls', await callId(api, call), 'flip'));
      return { kind: 'done', text: 'cancelled' };
    },
  },
];

async function flip({ api, args: [call = '', device], options }: Given): Promise<Result> {
  const id = await callId(api, call);
  const { to } = options;
  const target =
    device === undefined
      ? typeof to === 'string'
        ? { extension: to }
        : { to: 'other-devices' }
      : { device };
  const begun = await api.ask('POST', path('calls', id, 'flip'), target);
  if (options['wait'] !== true) return { kind: 'one', thing: begun };
  const flipPath = path('calls', id, 'flips', begun['id'] as string);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const now = await api.ask('GET', flipPath);
    if (now['result'] === 'failed') throw new Error(`not moved: ${now['reason'] as string}`);
    if (now['result'] === 'moved') return { kind: 'one', thing: now };
    // oxlint-disable-next-line no-await-in-loop -- likewise
    await new Promise((done) => setTimeout(done, 200));
  }
}

const paging = ['since', 'until', 'limit', 'after'];

const history: readonly Command[] = [
  {
    usage: 'records',
    help: 'calls that are over; --user, --number, --answered true|false, --since, --until, --limit, --csv',
    options: [...paging, 'user', 'number', 'answered', 'csv'],
    run: async ({ api, options }) => {
      const asked = query(options, [...paging, 'user', 'number', 'answered']);
      if (options['csv'] === true) {
        const separator = asked === '' ? '?' : '&';
        return { kind: 'text', text: await api.text(`/records${asked}${separator}format=csv`) };
      }
      return {
        kind: 'list',
        rows: items(await api.ask('GET', `/records${asked}`)),
        columns: [
          ['call', (row) => short(row['id'])],
          ['began', (row) => when(row['startedAt'])],
          column('from'),
          column('to'),
          column('user'),
          ['talked', (row) => talked(row)],
          ['flips', (row) => (row['flips'] as readonly Json[]).filter((f) => f['result'] === 'moved').length],
          ['ended by', field('endedBy')],
        ],
      };
    },
  },
  {
    usage: 'records show ID',
    help: 'the record of one call, by its whole id',
    run: async ({ api, args }) => ({ kind: 'one', thing: await api.ask('GET', path('records', args[0])) }),
  },
  {
    usage: 'audit',
    help: 'who changed what; --who, --what users/100, --since, --until, --limit',
    options: [...paging, 'who', 'what'],
    run: async ({ api, options }) => ({
      kind: 'list',
      rows: items(await api.ask('GET', `/audit${query(options, [...paging, 'who', 'what'])}`)),
      columns: [
        ['at', (row) => when(row['at'])],
        column('who'),
        column('from'),
        column('action'),
        column('what'),
        column('before'),
        column('after'),
      ],
    }),
  },
  {
    usage: 'login EXT',
    help: 'begins a session and says its token; the PIN is FLIPSWITCH_PIN',
    run: async ({ api, args: [extension], pin }) => {
      if (pin === undefined) throw new Error('FLIPSWITCH_PIN is not set');
      const { token, ...session } = await api.ask('POST', '/sessions', { extension, pin });
      return { kind: 'one', thing: { ...session, token } };
    },
  },
];

const talked = ({ answeredAt, endedAt }: Json) =>
  typeof answeredAt === 'number' && typeof endedAt === 'number'
    ? `${Math.round((endedAt - answeredAt) / 1000)} s`
    : 'missed';

export const commands: readonly Command[] = [
  ...calls,
  ...directory,
  ...trunkCommands,
  ...ruleCommands,
  ...history,
  backup,
];
