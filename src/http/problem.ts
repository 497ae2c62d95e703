import type { FastifyReply } from 'fastify';

/** What an answer that is no success says (RFC 9457 §3.1). */
export type ProblemBody = {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** Which parts of the request are wrong, as JSON pointers into it. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
};

/** Sends an error as RFC 9457 says it. */
export function problem(
  reply: FastifyReply,
  status: number,
  title: string,
  more: Pick<ProblemBody, 'detail' | 'errors'> = {},
): FastifyReply {
  const body: ProblemBody = { type: 'about:blank', title, status, ...more };
  return reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(body);
}

/** Refuses from within a handler; becomes a problem. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, title: string) {
    super(title);
    this.status = status;
  }
}
