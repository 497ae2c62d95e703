import { Ajv, type ErrorObject } from 'ajv';
import type { FastifySchemaCompiler, FastifySchema } from 'fastify';

const options = { allErrors: false, useDefaults: true, strict: false, discriminator: true } as const;

/** Bodies are taken as they are; the rest of a request is text, and is made what the schema says. */
const strict = new Ajv(options);
const coercing = new Ajv({ ...options, coerceTypes: true });

export const validatorCompiler: FastifySchemaCompiler<FastifySchema> = ({ schema, httpPart }) =>
  (httpPart === 'body' ? strict : coercing).compile(schema);

/** What was wrong, for a problem's `errors`. */
export const errorsOf = (errors: readonly Pick<ErrorObject, 'instancePath' | 'message' | 'params'>[]) =>
  errors.map(({ instancePath, message = 'is wrong', params }) => {
    const unknown = params['additionalProperty'];
    return {
      path: instancePath,
      message: typeof unknown === 'string' ? `must not have ${JSON.stringify(unknown)}` : message,
    };
  });
