import type { Device, DirectoryStore, User } from '../../stores/index.ts';

/**
 * A phone that registers with its user's own credentials has no entry in the directory. It still is a device of that
 * user: its id is made of the user's and of what tells the phone apart, its instance id or else its contact, so that it
 * stays the same from one registration to the next.
 */
export function sharedDeviceId(user: User, mark: string): string {
  return `${user.id}#${mark}`;
}

/** The device behind an id, from the directory or, for a phone on its user's credentials, made up from the id. */
export function deviceById(directory: DirectoryStore, id: string, name?: string): Device | undefined {
  const known = directory.deviceById(id);
  if (known !== undefined) return known;
  const cut = id.indexOf('#');
  const user = cut < 0 ? undefined : directory.userById(id.slice(0, cut));
  if (user?.credentials === undefined) return undefined;
  return {
    id,
    domain: user.domain,
    userId: user.id,
    extension: user.extension,
    name: name ?? user.name,
    kind: 'other',
    trusted: true,
  };
}
