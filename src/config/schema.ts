import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { nearest } from './nearest.ts';
import type { Problem } from './problem.ts';

/** The part of JSON Schema that the configuration's schema uses. */
export type Schema = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
};

/** `config/schema.json`: the one description of the configuration. */
export const schema = JSON.parse(
  readFileSync(new URL('../../config/schema.json', import.meta.url), 'utf8'),
) as Schema;

const validate = new Ajv2020({
  strict: true,
  strictTypes: false,
  strictRequired: false,
  allErrors: true,
  useDefaults: true,
  verbose: true,
}).compile(schema);

/** Fills the defaults into `value`, which is changed, and yields what is wrong with it. */
export function complete(value: unknown): readonly Problem[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).filter((error) => error.keyword !== 'if').map(problemOf);
}

function problemOf(error: ErrorObject): Problem {
  const path = pathOf(error.instancePath);
  const { parentSchema, params } = error;
  if (error.keyword === 'additionalProperties') {
    const key = String(params['additionalProperty']);
    const meant = nearest(key, Object.keys((parentSchema as Schema).properties ?? {}));
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return { path: join(path, key), message: `there is no such key${hint}` };
  }
  if (error.keyword === 'required')
    return { path: join(path, String(params['missingProperty'])), message: 'is missing' };
  if (error.keyword === 'enum') {
    const allowed = (params['allowedValues'] as readonly unknown[]).map((v) => JSON.stringify(v));
    return { path, message: `must be one of ${allowed.join(', ')}` };
  }
  const asked = (parentSchema as Schema).description;
  if (error.keyword === 'pattern' && asked !== undefined)
    return { path, message: `has the wrong form: ${asked}` };
  return { path, message: error.message ?? 'is wrong' };
}

const join = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);

/** `/users/0/name` as `users[0].name`. */
function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : join(path, part)), '');
}
