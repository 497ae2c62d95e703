import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectoryStore } from '../stores/index.ts';
import type { Asker } from '../switch/index.ts';
import type { Failures } from './limits.ts';
import { problem, Refused } from './problem.ts';
import type { Session, Sessions } from './sessions.ts';

/**
 * What somebody may do: everything in the domain; see everything in it, and change what a user may; see and change what is
 * one's own.
 */
export type Role = 'administrator' | 'supervisor' | 'user';

/** Who makes a request. */
export type Who = {
  /** As whom the request is carried out: a supervisor who only reads sees what an administrator does. */
  readonly asker: Asker;
  readonly role: Role;
  /** As the audit log has it: `administrator`, or `user 100`. */
  readonly name: string;
  readonly from: string;
  /** Absent for the administrator and the supervisor, whose tokens are in the configuration. */
  readonly token?: string;
  readonly session?: Session;
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for everything that needs a token. */
    who: Who;
  }
  interface FastifyContextConfig {
    /** No token is needed. */
    readonly open?: boolean;
    /** It changes nothing, though it is no GET. */
    readonly reads?: boolean;
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in a time that tells nothing about either. */
const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

export type AuthenticationParts = {
  readonly domain: string;
  readonly adminToken: string;
  readonly supervisorToken?: string | undefined;
  readonly directory: DirectoryStore;
  readonly sessions: Sessions;
  readonly failures: Failures;
};

/** Finds out who asks, or answers 401, or 429 to who has tried too many tokens. */
export async function authenticate(
  parts: AuthenticationParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  if (request.routeOptions.config.open === true) return undefined;
  const token = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const wait = parts.failures.wait(request.ip);
  if (wait > 0) return tooMany(reply, wait);
  const who = token === undefined ? undefined : whoHas(parts, token, request.ip);
  if (who !== undefined) {
    request.who = supervised(who, request);
    return undefined;
  }
  if (token !== undefined) parts.failures.failed(request.ip);
  return problem(
    reply.header('www-authenticate', 'Bearer realm="flipswitch"'),
    401,
    token === undefined ? 'A bearer token is needed' : 'This token is not valid',
  );
}

export function tooMany(reply: FastifyReply, seconds: number): FastifyReply {
  return problem(reply.header('retry-after', seconds), 429, 'Too many requests');
}

function whoHas(parts: AuthenticationParts, token: string, from: string): Who | undefined {
  if (sameSecret(token, parts.adminToken))
    return {
      asker: { domain: parts.domain, admin: true },
      role: 'administrator',
      name: 'administrator',
      from,
    };
  if (parts.supervisorToken !== undefined && sameSecret(token, parts.supervisorToken))
    return { asker: { domain: parts.domain, admin: false }, role: 'supervisor', name: 'supervisor', from };
  const session = parts.sessions.find(token);
  const user = session === undefined ? undefined : parts.directory.userById(session.userId);
  if (session === undefined || user === undefined) return undefined;
  const asker = { domain: user.domain, userId: user.id, admin: false };
  return { asker, role: user.role ?? 'user', name: `user ${user.extension}`, from, token, session };
}

/**
 * A supervisor reads as an administrator does, and changes what a user of that name may: nothing, when there is no such
 * user. This is the one place where that is decided.
 */
function supervised(who: Who, { method, routeOptions }: FastifyRequest): Who {
  if (who.role !== 'supervisor') return who;
  const reads = method === 'GET' || method === 'HEAD' || routeOptions.config.reads === true;
  if (reads) return { ...who, asker: { domain: who.asker.domain, admin: true } };
  if (who.asker.userId === undefined) throw new Refused(403, 'A supervisor changes nothing');
  return who;
}

/** Whether all of the domain may be read: its reports, records and calls, whoever they are of. */
export const seesDomain = ({ asker }: Who): boolean => asker.admin;

export function needDomain({ who }: FastifyRequest): void {
  if (!seesDomain(who)) throw new Refused(403, 'Not yours to see');
}

/** For what only an administrator may do. */
export function needAdministrator({ who }: FastifyRequest): void {
  if (!who.asker.admin) throw new Refused(403, 'Only an administrator may do this');
}
