import type { FastifyInstance } from 'fastify';
import type { CallView, FlipTarget, FlipView, Outcome, Switch } from '../../switch/index.ts';
import type { ApiParts } from '../api-parts.ts';
import { Refused } from '../problem.ts';
import { extension, list, nothing, one, params, problems } from '../schemas.ts';
import { callFor, flipFor } from '../views.ts';
import type { Who } from '../who.ts';

type CallParams = { readonly id: string };
type FlipParams = CallParams & { readonly flipId: string };

/** What the switch said, or its refusal as a problem. */
function granted<T>(outcome: Outcome<T>): { readonly ok: true } & T {
  if (!outcome.ok) throw new Refused(outcome.status, outcome.reason);
  return outcome;
}

const flipBody = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    device: { ...extension, description: 'An own device' },
    to: { type: 'string', enum: ['other-devices'] },
    extension: { ...extension, description: 'Anybody inside' },
  },
  examples: [{ device: '1002' }, { to: 'other-devices' }, { extension: '300' }],
};

const tags = ['calls'];

/** Live calls: seen, moved and ended. */
export function callRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { product, directory } = parts;
  server.get(
    '/calls',
    {
      schema: {
        tags,
        summary: 'Live calls, newest first: all for an administrator, the own ones for a user',
        response: { 200: list('Call', 'Live calls'), ...problems(401) },
      },
    },
    ({ who: { asker } }) => ({
      items: product.listCalls(asker).map((view) => callFor(directory, view, asker)),
    }),
  );
  server.get<{ Params: CallParams }>(
    '/calls/:id',
    {
      schema: {
        tags,
        summary: 'One live call',
        params: params('id'),
        response: { 200: one('Call', 'The call'), ...problems(401, 404) },
      },
    },
    ({ params: { id }, who }) => callFor(directory, viewOf(product, id, who), who.asker),
  );
  server.delete<{ Params: CallParams }>(
    '/calls/:id',
    {
      schema: {
        tags,
        summary: 'Ends a call',
        params: params('id'),
        response: { 204: nothing, ...problems(401, 404) },
      },
    },
    ({ params: { id }, who }, reply) => {
      granted(product.endCall(id, who.asker));
      parts.auditLog.write(who, { action: 'end', what: `calls/${id}` });
      return reply.code(204).send(null);
    },
  );
  flipRoutes(server, parts);
  cancelRoutes(server, parts);
}

function viewOf(product: Switch, id: string, { asker }: Who): CallView {
  const view = product.getCall(id, asker);
  if (view === undefined) throw new Refused(404, 'No such call');
  return view;
}

/** Flips of the other side are none of the asker's business. */
function flipOf({ product, directory }: ApiParts, { id, flipId }: FlipParams, who: Who): FlipView {
  const { flips } = callFor(directory, viewOf(product, id, who), who.asker);
  const flip = flips.find((one) => one.id === flipId);
  if (flip === undefined) throw new Refused(404, 'No such flip');
  return flip;
}

function flipRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { product, auditLog } = parts;
  server.post<{ Params: CallParams; Body: FlipTarget }>(
    '/calls/:id/flip',
    {
      schema: {
        tags,
        summary: 'Moves a call to another device',
        description:
          'Answers at once; the two talk on until the new device answers. How it goes on is told by the event stream.',
        params: params('id'),
        body: flipBody,
        response: { 202: one('Flip', 'The flip has begun'), ...problems(400, 401, 403, 404, 409, 422) },
      },
    },
    ({ params: { id }, body, who }, reply) => {
      const { flipId } = granted(product.flipCall(id, body, who.asker));
      auditLog.write(who, { action: 'flip', what: `calls/${id}`, after: body });
      const flip = flipOf(parts, { id, flipId }, who);
      return reply
        .code(202)
        .header('location', `/api/v1/calls/${id}/flips/${flipId}`)
        .send(flipFor(id, flip));
    },
  );
  server.get<{ Params: FlipParams }>(
    '/calls/:id/flips/:flipId',
    {
      schema: {
        tags,
        summary: 'How a flip is going',
        params: params('id', 'flipId'),
        response: { 200: one('Flip', 'The flip'), ...problems(401, 404) },
      },
    },
    ({ params, who }) => flipFor(params.id, flipOf(parts, params, who)),
  );
}

function cancelRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { product, auditLog } = parts;
  const cancel = (id: string, who: Who) => {
    granted(product.cancelFlip(id, who.asker));
    auditLog.write(who, { action: 'cancel', what: `calls/${id}` });
  };
  const schema = {
    tags,
    summary: 'Gives a flip up, whoever began it: the API, keys or a transfer; the two talk on',
    response: { 204: nothing, ...problems(401, 404, 409) },
  };
  server.delete<{ Params: CallParams }>(
    '/calls/:id/flip',
    { schema: { ...schema, params: params('id') } },
    ({ params: { id }, who }, reply) => {
      cancel(id, who);
      return reply.code(204).send(null);
    },
  );
  server.delete<{ Params: FlipParams }>(
    '/calls/:id/flips/:flipId',
    { schema: { ...schema, params: params('id', 'flipId') } },
    ({ params, who }, reply) => {
      if (flipOf(parts, params, who).result !== 'ringing') throw new Refused(409, 'Nothing to cancel');
      cancel(params.id, who);
      return reply.code(204).send(null);
    },
  );
}
