import type { FastifyInstance } from 'fastify';
import type { Group } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { refuseEmergency } from '../emergency.ts';
import { Refused } from '../problem.ts';
import { fields } from '../schemas.ts';
import { groupFields } from '../trunk-schemas.ts';
import { keptThings, type Wanted } from './kept-things.ts';

type Said = Pick<Group, 'name' | 'members'> & Partial<Pick<Group, 'ring' | 'memberSeconds'>>;

function settled(parts: ApiParts, { domain, name: extension, said, before }: Wanted<Group, Said>): Group {
  const { directory, random } = parts;
  const { name, members, ring = 'all', memberSeconds } = said;
  const kept = before ?? { id: random.hex(12), domain, extension };
  if (before === undefined) refuseEmergency(parts, extension);
  if (before === undefined && directory.resolve(domain, extension) !== undefined)
    throw new Refused(409, `Extension ${extension} is taken`);
  for (const member of members) {
    const kind = directory.resolve(domain, member)?.kind;
    if (kind !== 'user' && kind !== 'device')
      throw new Refused(422, `The member ${member} is no user or device`);
  }
  const { id } = kept;
  return {
    id,
    domain,
    extension,
    name,
    ring,
    members,
    ...(memberSeconds === undefined ? {} : { memberSeconds }),
  };
}

/** Ring groups and hunt groups. */
export function groupRoutes(server: FastifyInstance, parts: ApiParts): void {
  keptThings<Group, Said>(server, parts, {
    path: 'groups',
    noun: 'group',
    component: 'Group',
    key: { field: 'extension', parameter: 'ext', schema: fields.extension, of: ({ extension }) => extension },
    fields: groupFields,
    required: ['name', 'members'],
    all: ({ directory }, domain) => directory.groups(domain),
    find: ({ directory }, domain, extension) => directory.group(domain, extension),
    settled,
    put: ({ directory }, group) => directory.putGroup(group),
    remove: ({ directory }, { id }) => directory.removeGroup(id),
    show: (_parts, { id: _id, domain: _domain, ...shown }) => shown,
  });
}
