import type { FastifyInstance } from 'fastify';
import type { Number } from '../../stores/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { numberFields, numberName } from '../trunk-schemas.ts';
import { keptThings, type Wanted } from './kept-things.ts';

type Said = Pick<Number, 'target' | 'trunk'>;

function settled(
  { directory }: ApiParts,
  { domain, name: number, said: { target, trunk }, before }: Wanted<Number, Said>,
): Number {
  if (before === undefined && directory.resolve(domain, number) !== undefined)
    throw new Refused(409, `${number} is an extension`);
  const kind = directory.resolve(domain, target)?.kind;
  if (kind === undefined || kind === 'number')
    throw new Refused(422, `${target} is no user, device or group`);
  if (trunk !== undefined && directory.trunk(domain, trunk) === undefined)
    throw new Refused(422, `There is no trunk ${trunk}`);
  return { domain, number, target, ...(trunk === undefined ? {} : { trunk }) };
}

/** Public numbers, and whom they lead to. One PUT gives a number to somebody else (S2-34). */
export function numberRoutes(server: FastifyInstance, parts: ApiParts): void {
  keptThings<Number, Said>(server, parts, {
    path: 'numbers',
    noun: 'number',
    component: 'Number',
    key: { field: 'number', parameter: 'number', schema: numberName, of: ({ number }) => number },
    fields: numberFields,
    required: ['target'],
    all: ({ directory }, domain) => directory.numbers(domain),
    find: ({ directory }, domain, number) => directory.number(domain, number),
    settled,
    put: ({ directory }, number) => directory.putNumber(number),
    remove: ({ directory }, { domain, number }) => directory.removeNumber(domain, number),
    show: (_parts, { domain: _domain, ...shown }) => shown,
  });
}
