import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ApiProblem, type ApiClient, type Json } from './client.ts';
import type { Command } from './commands.ts';
import type { Column } from './table.ts';

const column = (title: string, key = title): Column => [title, (row) => row[key]];
const at = (kind: string, name = '') => `/${kind}/${encodeURIComponent(name)}`;

/** All pages of a list. */
async function whole(api: ApiClient, path: string): Promise<readonly Json[]> {
  const rows: Json[] = [];
  for (let next: unknown = ''; typeof next === 'string';) {
    const after = next === '' ? '' : `&after=${encodeURIComponent(next)}`;
    // oxlint-disable-next-line no-await-in-loop -- one page after the other
    const answer = await api.ask('GET', `${path}?limit=1000${after}`);
    rows.push(...(answer['items'] as readonly Json[]));
    next = answer['next'];
  }
  return rows;
}

const listed = (text = ''): readonly string[] => text.split(',').filter((member) => member !== '');

const removal = (kind: string, noun: string, argument: string): Command => ({
  usage: `${kind} remove ${argument}`,
  help: `removes a ${noun}`,
  run: async ({ api, args: [name = ''] }) => {
    await api.ask('DELETE', at(kind, name));
    return { kind: 'done', text: `${noun} ${name} removed` };
  },
});

const sight = (kind: string, noun: string, argument: string): Command => ({
  usage: `${kind} show ${argument}`,
  help: `one ${noun}`,
  run: async ({ api, args }) => ({ kind: 'one', thing: await api.ask('GET', at(kind, args[0])) }),
});

const groups: readonly Command[] = [
  {
    usage: 'groups',
    help: 'ring groups, members in the order in which they ring',
    run: async ({ api }) => ({
      kind: 'list',
      rows: await whole(api, '/groups'),
      columns: ['extension', 'name', 'ring', 'members'].map((key) => column(key)),
    }),
  },
  sight('groups', 'group', 'EXT'),
  {
    usage: 'groups add EXT NAME MEMBERS',
    help: 'makes a group of 100,200,…; --ring all|order',
    options: ['ring'],
    run: async ({ api, args: [extension, name, members], options: { ring } }) => {
      const group = { extension, name, members: listed(members), ...(ring === undefined ? {} : { ring }) };
      return { kind: 'one', thing: await api.ask('POST', '/groups', group) };
    },
  },
  {
    usage: 'groups members EXT MEMBERS',
    help: 'gives a group other members: 200,100',
    run: async ({ api, args: [extension, members] }) => {
      const { extension: _extension, ...group } = await api.ask('GET', at('groups', extension));
      const changed = { ...group, members: listed(members) };
      return { kind: 'one', thing: await api.ask('PUT', at('groups', extension), changed) };
    },
  },
  removal('groups', 'group', 'EXT'),
];

const numbers: readonly Command[] = [
  {
    usage: 'numbers',
    help: 'public numbers, and whom they lead to',
    run: async ({ api }) => ({
      kind: 'list',
      rows: await whole(api, '/numbers'),
      columns: ['number', 'target', 'trunk'].map((key) => column(key)),
    }),
  },
  {
    usage: 'numbers set NUMBER TARGET',
    help: 'lets a number lead to that extension, whether it is new or led to another; --trunk NAME',
    options: ['trunk'],
    run: async ({ api, args: [number, target], options: { trunk } }) => {
      const said = { target, ...(trunk === undefined ? {} : { trunk }) };
      return { kind: 'one', thing: await put(api, 'numbers', { key: 'number', name: number }, said) };
    },
  },
  removal('numbers', 'number', 'NUMBER'),
];

/** Changes what is there, and makes what is not; a trunk that a number has is kept while none is said. */
async function put(
  api: ApiClient,
  kind: string,
  { key, name }: { readonly key: string; readonly name: string | undefined },
  said: Json,
): Promise<Json> {
  try {
    const { trunk } = await api.ask('GET', at(kind, name));
    const kept = kind === 'numbers' && trunk !== undefined ? { trunk } : {};
    return await api.ask('PUT', at(kind, name), { ...kept, ...said });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
    return api.ask('POST', `/${kind}`, { [key]: name, ...said });
  }
}

const registration = (row: Json) => (row['registration'] as Json | undefined)?.['state'];
const gateways = (row: Json) =>
  (row['gateways'] as readonly Json[]).map(({ address, state }) => `${String(address)} (${String(state)})`);

const trunks: readonly Command[] = [
  {
    usage: 'trunks',
    help: 'trunks, whether they are registered, and how their gateways do',
    run: async ({ api }) => ({
      kind: 'list',
      rows: await whole(api, '/trunks'),
      columns: [column('name'), column('transport'), ['registration', registration], ['gateways', gateways]],
    }),
  },
  sight('trunks', 'trunk', 'NAME'),
  {
    usage: 'trunks set NAME FILE',
    help: 'makes a trunk of a JSON file, or changes it: the words of `trunks` in the configuration',
    run: async ({ api, args: [name, file = ''], folder }) => {
      const text = await readFile(resolve(folder, file), 'utf8');
      const thing = await put(api, 'trunks', { key: 'name', name }, JSON.parse(text) as Json);
      return { kind: 'one', thing };
    },
  },
  removal('trunks', 'trunk', 'NAME'),
];

export const trunkCommands: readonly Command[] = [...groups, ...numbers, ...trunks];
