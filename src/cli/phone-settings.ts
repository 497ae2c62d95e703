export type PhoneUser = {
  readonly extension: string;
  readonly name: string;
  readonly pin?: string;
  readonly devices: readonly {
    readonly extension: string;
    readonly name: string;
    readonly username?: string;
    readonly password: string;
  }[];
};

export type Listener = { readonly protocol: string; readonly address: string; readonly port: number };

const shown = ({ address, port }: Listener) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** How to point a phone at this switch, for people to read. */
export function phoneSettings(
  users: readonly PhoneUser[],
  listeners: readonly Listener[],
  keptIn: string,
): string {
  const places = new Map<string, string[]>();
  for (const listener of listeners) {
    const web = listener.protocol === 'ws' || listener.protocol === 'wss';
    const place = web ? `${listener.protocol}://${shown(listener)}` : shown(listener);
    places.set(place, [...(places.get(place) ?? []), web ? 'browser' : listener.protocol.toUpperCase()]);
  }
  const servers = [...places].map(([place, protocols]) => `${place} (${protocols.join(', ')})`);
  const width = Math.max(...users.flatMap((user) => user.devices.map((device) => device.name.length)));
  const phones = users.flatMap((user) => [
    `  ${user.name}, extension ${user.extension}${user.pin === undefined ? '' : `, PIN ${user.pin}`}`,
    ...user.devices.map(
      ({ name, extension, username, password }) =>
        `    ${name.padEnd(width)}   user ${username ?? extension}   password ${password}`,
    ),
    '',
  ]);
  const [first, second] = users;
  const dial =
    first === undefined || second === undefined
      ? []
      : [`Dial ${second.extension} from one of ${first.name}'s phones: all of ${second.name}'s ring.`];
  return [
    '',
    'Point a phone at this switch: one of these addresses as server, registrar or domain,',
    'and one of the users below.',
    '',
    ...servers.map((server, i) => `  ${i === 0 ? 'server' : '      '}  ${server}`),
    '',
    ...phones,
    ...dial,
    `The passwords were made for this installation and are kept in ${keptIn}`,
    '',
    '',
  ].join('\n');
}
