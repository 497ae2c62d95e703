import type { Clock, Logger, Random } from '../base/index.ts';
import type { AuditEntry, DirectoryEvents, DirectoryStore, KeptStores } from '../stores/index.ts';
import { seedDirectory, type DirectorySeed, type LaidOver } from '../switch/directory/index.ts';

type Changed = DirectoryEvents['changed'];

/** What the program itself remembers: which records the configuration file put there. */
const laidOverNote = 'laid over';
/** More changes at once than this are one entry in the audit log. */
const mostEntries = 500;

export type LayParts = {
  readonly stores: Pick<KeptStores, 'kept' | 'directory'>;
  readonly keepAudit: (entry: AuditEntry) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
};

/**
 * Lays the configuration's users, groups and trunks over what is there, in one transaction. What that changes is in the
 * audit log, as every change is; all of the first time is one entry.
 */
export async function layOver(seed: DirectorySeed, parts: LayParts): Promise<void> {
  const { kept, directory } = parts.stores;
  const note = await kept.note(laidOverNote);
  const before = note === undefined ? undefined : (JSON.parse(note) as LaidOver);
  const known = before === undefined ? new Map<string, string>() : pathsIn(directory);
  const changes: Changed[] = [];
  const off = directory.events.on('changed', (change) => changes.push(change));
  let after: LaidOver;
  try {
    after = await kept.together(() => seedDirectory(directory, seed, parts.random, before));
  } finally {
    off();
  }
  const text = JSON.stringify(after);
  if (text !== note) await kept.putNote(laidOverNote, text);
  const { log } = parts;
  for (const { what, id, removed } of changes)
    if (removed) log.warn({ what, id }, 'no longer in the configuration, and removed');
  if (changes.length > 0) write(parts, seed.domain, changes, known);
}

function write(
  { stores, keepAudit, clock, random }: LayParts,
  domain: string,
  changes: readonly Changed[],
  known: ReadonlyMap<string, string>,
): void {
  const at = clock.wall();
  const keep = (action: AuditEntry['action'], what: string, i = 0) =>
    keepAudit({
      id: `${i.toString(16).padStart(8, '0')}${random.hex(8)}`,
      domain,
      at,
      who: 'configuration',
      from: 'file',
      action,
      what,
    });
  if (known.size === 0 || changes.length > mostEntries) return keep('change', 'directory');
  const now = pathsIn(stores.directory);
  for (const [i, { what, id, removed }] of changes.entries()) {
    const key = `${what} ${id}`;
    const path = known.get(key) ?? now.get(key) ?? key;
    keep(removed ? 'remove' : known.has(key) ? 'change' : 'create', path, i);
  }
  return undefined;
}

/** Where the API has what there is. */
function pathsIn(directory: DirectoryStore): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const { name } of directory.domains()) {
    paths.set(`domain ${name}`, `domains/${name}`);
    for (const user of directory.users(name)) {
      paths.set(`user ${user.id}`, `users/${user.extension}`);
      for (const device of directory.devicesOf(user.id))
        paths.set(`device ${device.id}`, `devices/${device.extension}`);
    }
    for (const group of directory.groups(name)) paths.set(`group ${group.id}`, `groups/${group.extension}`);
    for (const { number } of directory.numbers(name)) paths.set(`number ${number}`, `numbers/${number}`);
    for (const trunk of directory.trunks(name)) paths.set(`trunk ${trunk.id}`, `trunks/${trunk.name}`);
  }
  return paths;
}
