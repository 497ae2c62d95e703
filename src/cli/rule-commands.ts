import { readFile } from 'node:fs/promises';
import type { Json } from './client.ts';
import type { Command } from './commands.ts';
import type { Column } from './table.ts';

const column = (title: string, key = title): Column => [title, (row) => row[key]];
const inList = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** `100`, `group:500` or `number:+15550100`: whose rules. */
function ownerPath(owner = ''): string {
  const [kind, name] = /^(user|group|number):/.test(owner)
    ? [owner.slice(0, owner.indexOf(':')), owner.slice(owner.indexOf(':') + 1)]
    : ['user', owner];
  return `/${kind}s/${encodeURIComponent(name)}`;
}

/** A condition or action, without what every one has. */
function brief(part: unknown): string {
  const { kind, ...rest } = part as Json;
  const details = Object.entries(rest).map(([key, value]) => `${key}=${worded(value)}`);
  return [String(kind), ...details].join(' ');
}

const worded = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(worded).join(',')
    : typeof value === 'object' && value !== null
      ? `(${brief(value).replace(/^undefined /, '')})`
      : String(value);

const ruleColumns: readonly Column[] = [
  column('rule', 'id'),
  column('name'),
  ['on', (row) => (row['enabled'] === true ? 'yes' : 'no')],
  column('profiles'),
  ['when', (row) => inList(row['when']).map(brief).join(' and ') || 'always'],
  ['then', (row) => brief(row['then'])],
  ['by', (row) => `${String(row['changedBy'])}${row['locked'] === true ? ' (locked)' : ''}`],
];

/** A time as people or the API write it. */
function momentOf(at: unknown): number | undefined {
  if (typeof at !== 'string') return undefined;
  const wall = /^\d+$/.test(at) ? Number(at) : Date.parse(at);
  if (Number.isNaN(wall)) throw new Error(`--at: ${at} is no time`);
  return wall;
}

const rung = (row: Json) =>
  inList(row['rings']).map(({ to, registered, silent }) => {
    const why =
      silent === true ? ' (does not want to be disturbed)' : registered === false ? ' (not there)' : '';
    return `${String(to)}${why}`;
  });
const reasons = (row: Json) => {
  const { why: last = '' } = row as { readonly why?: string };
  const looked = inList(row['looked']).map(({ rule, taken, why }) => {
    const name = (rule as { readonly name: string } | undefined)?.name;
    return name === undefined ? String(why) : `${name}${taken === true ? '' : ' not'} taken: ${String(why)}`;
  });
  return [...looked, ...(last === '' ? [] : [last])].join('; ');
};

export const ruleCommands: readonly Command[] = [
  {
    usage: 'route OWNER',
    help: 'rules of a user, in order; also of group:EXT and number:NUMBER',
    run: async ({ api, args }) => ({
      kind: 'list',
      rows: inList((await api.ask('GET', `${ownerPath(args[0])}/rules`))['items']),
      columns: ruleColumns,
    }),
  },
  {
    usage: 'route set OWNER FILE',
    help: 'replaces the rules by those of a JSON file: a list, as --json of `route` gives it line by line',
    run: async ({ api, args: [owner, file = ''] }) => {
      const text = await readFile(file, 'utf8');
      const list = text.trimStart().startsWith('[') ? text : `[${text.trim().split('\n').join(',')}]`;
      const answer = await api.ask('PUT', `${ownerPath(owner)}/rules`, {
        items: JSON.parse(list) as unknown,
      });
      return { kind: 'list', rows: inList(answer['items']), columns: ruleColumns };
    },
  },
  {
    usage: 'route remove OWNER RULE',
    help: 'removes a rule',
    run: async ({ api, args: [owner, rule = ''] }) => {
      await api.ask('DELETE', `${ownerPath(owner)}/rules/${encodeURIComponent(rule)}`);
      return { kind: 'done', text: `rule ${rule} removed` };
    },
  },
  {
    usage: 'route tree OWNER',
    help: 'where calls go when nobody answers, as a Mermaid flowchart',
    run: async ({ api, args }) => ({
      kind: 'text',
      text: String((await api.ask('GET', `${ownerPath(args[0])}/rules/tree`))['mermaid']),
    }),
  },
  {
    usage: 'profile OWNER [PROFILE]',
    help: 'the active profile; with PROFILE makes it another, with `none` none',
    run: async ({ api, args: [owner, profile] }) => {
      const path = `${ownerPath(owner)}/profile`;
      const thing =
        profile === undefined
          ? await api.ask('GET', path)
          : await api.ask('PUT', path, { profile: profile === 'none' ? null : profile });
      return { kind: 'one', thing };
    },
  },
  {
    usage: 'explain',
    help: 'who would ring, and why; --to, --from, --at 2026-03-03T19:00, --results busy,no-answer',
    options: ['from', 'to', 'at', 'results'],
    run: async ({ api, options }) => {
      const { from, to, results } = options;
      if (typeof to !== 'string') throw new Error('--to says who is called');
      const at = momentOf(options['at']);
      const answer = await api.ask('POST', '/routes/explain', {
        to,
        ...(typeof from === 'string' ? { from } : {}),
        ...(at === undefined ? {} : { at }),
        ...(typeof results === 'string' ? { results: results.split(',') } : {}),
      });
      return {
        kind: 'list',
        rows: inList(answer['steps']),
        columns: [
          column('of', 'owner'),
          column('does'),
          ['to', (row) => row['to'] ?? rung(row)],
          ['rule', (row) => (row['rule'] as Json | undefined)?.['name']],
          ['seconds', (row) => row['seconds']],
          ['comes to', (row) => row['result']],
          ['why', reasons],
        ],
      };
    },
  },
];
