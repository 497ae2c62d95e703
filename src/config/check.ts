import type { Config } from './config.ts';
import { splitHostPort, splitListen } from './endpoint.ts';
import type { Problem } from './problem.ts';

/** What a schema cannot say: how values go together. */
export function contradictions(config: Config): readonly Problem[] {
  return [
    ...endpoints(config),
    ...ports(config),
    ...expiries(config),
    ...extensions(config),
    ...members(config),
    ...codes(config),
  ];
}

function endpoints({ signaling, media, http, trunks }: Config): readonly Problem[] {
  const problems: Problem[] = [];
  const port = (path: string, text: string) => {
    if (splitHostPort(text).port > 65_535) problems.push({ path, message: 'the port is above 65535' });
  };
  port('http.listen', http.listen);
  media.nodes?.forEach((node, i) =>
    typeof node === 'string'
      ? port(`media.nodes[${i}]`, node)
      : port(`media.nodes[${i}].address`, node.address),
  );
  if (media.dtmfLog !== undefined) port('media.dtmfLog', media.dtmfLog);
  trunks.forEach((trunk, i) => port(`trunks[${i}].host`, trunk.host));
  signaling.listen?.forEach((text, i) => {
    const path = `signaling.listen[${i}]`;
    const endpoint = splitListen(text);
    if (endpoint.port > 65_535) problems.push({ path, message: 'the port is above 65535' });
    const encrypted = endpoint.protocol === 'tls' || endpoint.protocol === 'wss';
    if (encrypted && signaling.tls === undefined)
      problems.push({ path, message: `${endpoint.protocol} needs a certificate: set signaling.tls` });
  });
  return problems;
}

function ports({ media }: Config): readonly Problem[] {
  const [first, last] = media.ports;
  return first < last ? [] : [{ path: 'media.ports', message: `${first} is not below ${last}` }];
}

function expiries({ registrar }: Config): readonly Problem[] {
  const { minExpires, defaultExpires, maxExpires } = registrar;
  if (minExpires <= defaultExpires && defaultExpires <= maxExpires) return [];
  return [
    { path: 'registrar', message: 'minExpires, defaultExpires and maxExpires must rise in this order' },
  ];
}

/** Where each extension was given first, and every place where it was given again. */
function extensions(config: Config): readonly Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  const claim = (name: string, path: string, what = 'extension') => {
    if (what === 'extension' && config.emergencyNumbers.includes(name))
      problems.push({ path, message: `${name} is an emergency number (emergencyNumbers)` });
    const first = seen.get(`${what} ${name}`);
    if (first === undefined) seen.set(`${what} ${name}`, path);
    else problems.push({ path, message: `${what} ${name} is taken by ${first}` });
  };
  config.users.forEach((user, i) => {
    claim(user.extension, `users[${i}].extension`);
    if (user.password !== undefined) claim(user.extension, `users[${i}].extension`, 'user name');
    user.devices.forEach((device, j) => {
      const path = `users[${i}].devices[${j}]`;
      claim(device.extension, `${path}.extension`);
      claim(device.username ?? device.extension, `${path}.username`, 'user name');
    });
  });
  config.groups.forEach((group, i) => claim(group.extension, `groups[${i}].extension`));
  config.trunks.forEach((trunk, i) => {
    claim(trunk.name, `trunks[${i}].name`, 'trunk');
    for (const number of Object.keys(trunk.numbers)) claim(number, `trunks[${i}].numbers.${number}`);
  });
  return problems;
}

/** Members and targets may also be users made through the API, so that only wrong kinds are refused here. */
function members(config: Config): readonly Problem[] {
  const groups = new Set(config.groups.map((group) => group.extension));
  return config.groups.flatMap((group, i) =>
    group.members.flatMap((member, j) =>
      groups.has(member)
        ? [
            {
              path: `groups[${i}].members[${j}]`,
              message: `${member} is a group; members are users or devices`,
            },
          ]
        : [],
    ),
  );
}

function codes({ features, users, groups }: Config): readonly Problem[] {
  const problems: Problem[] = [];
  const extensions = new Set(
    [...users, ...users.flatMap((u) => u.devices), ...groups].map((r) => r.extension),
  );
  const seen = new Map<string, string>();
  for (const [name, list] of Object.entries(features.codes)) {
    list.forEach((code, i) => {
      const path = `features.codes.${name}[${i}]`;
      const first = seen.get(code);
      if (first !== undefined) problems.push({ path, message: `${code} is taken by ${first}` });
      if (extensions.has(code)) problems.push({ path, message: `${code} is an extension` });
      seen.set(code, path);
    });
  }
  return problems;
}
