import type { DirectoryStore } from '../stores/index.ts';
import type { Asker } from '../switch/index.ts';
import { Refused } from './problem.ts';
import type { Owned } from './rule-book.ts';

/** Whose routing can be asked for: `name` is the parameter in the path. */
export type OwnerKind = {
  readonly path: '/users/:ext' | '/groups/:ext' | '/numbers/:number';
  readonly parameter: 'ext' | 'number';
  readonly noun: string;
  readonly find: (directory: DirectoryStore, name: string, asker: Asker) => Owned | undefined;
};

export const ownerKinds: readonly OwnerKind[] = [
  {
    path: '/users/:ext',
    parameter: 'ext',
    noun: 'user',
    find: (directory, extension, { domain, admin, userId }) => {
      const user = directory.user(domain, extension);
      return user === undefined || !(admin || user.id === userId)
        ? undefined
        : { owner: { domain, kind: 'user', id: user.id }, what: `users/${extension}` };
    },
  },
  {
    path: '/groups/:ext',
    parameter: 'ext',
    noun: 'group',
    find: (directory, extension, { domain, admin }) => {
      const group = admin ? directory.group(domain, extension) : undefined;
      return group === undefined
        ? undefined
        : { owner: { domain, kind: 'group', id: group.id }, what: `groups/${extension}` };
    },
  },
  {
    path: '/numbers/:number',
    parameter: 'number',
    noun: 'number',
    find: (directory, digits, { domain, admin }) => {
      const number = admin ? directory.number(domain, digits) : undefined;
      return number === undefined
        ? undefined
        : { owner: { domain, kind: 'number', id: number.number }, what: `numbers/${digits}` };
    },
  },
];

/** Every user's are the own ones; those of groups and numbers are an administrator's. 404 for all others. */
export function owned(kind: OwnerKind, directory: DirectoryStore, name: string, asker: Asker): Owned {
  const found = kind.find(directory, name, asker);
  if (found === undefined) throw new Refused(404, `No such ${kind.noun}`);
  return found;
}
