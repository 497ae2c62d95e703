import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Random } from '../base/index.ts';
import { Refused } from './problem.ts';

/**
 * Entity tags (RFC 9110 §8.8.3) of records that hold hashes of passwords: keyed, so that nobody can try passwords against
 * a tag. The key is new with each start, and so are the tags.
 */
export class Etags {
  readonly #key: string;

  constructor(random: Random) {
    this.#key = random.hex(32);
  }

  of(record: object): string {
    return `"${createHmac('sha256', this.#key).update(JSON.stringify(record)).digest('base64url').slice(0, 22)}"`;
  }

  set(reply: FastifyReply, record: object): void {
    reply.header('etag', this.of(record));
  }

  /** RFC 9110 §13.1.1: refuses with 412 when the record is not the one that the client has seen. */
  check(request: FastifyRequest, record: object): void {
    const wanted = request.headers['if-match'];
    if (wanted === undefined || wanted.trim() === '*') return;
    const tags = wanted.split(',').map((tag) => tag.trim());
    if (!tags.includes(this.of(record))) throw new Refused(412, 'It has been changed meanwhile');
  }
}
