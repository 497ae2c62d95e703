import type { Application } from './application.ts';
import { printTime } from './leader.ts';
import { printHead, type SipMessage } from '../sip/index.ts';
import type { Verbs } from './verbs.ts';

type RecordSource = 'network' | 'application';
type CallRole = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';
export type CallEnd =
  | 'call-rejected'
  | 'call-canceled'
  | 'normal-release'
  | 'session-expired'
  | 'ackbye'
  | 'system-initiated-termination';

/** Call records, each to one of the applications that asked for its kind. */
export interface CallRecords {
  attempt(source: RecordSource, invite: SipMessage): void;
  start(source: RecordSource, role: CallRole, response: SipMessage): void;
  stop(source: RecordSource, why: CallEnd, message: SipMessage): void;
}

/** No records at all. */
export const noCallRecords: CallRecords = { attempt() {}, start() {}, stop() {} };

/** Records as `cdr:attempt`, `cdr:start` and `cdr:stop` messages; nobody answers them. */
export const callRecords = (verbs: Verbs<Application>, wall: () => number): CallRecords => {
  const tell = (verb: string, tokens: string, message: SipMessage) =>
    verbs.pick(verb)?.tell(`${verb}|${tokens}\r\n${printHead(message)}`, message.body);
  return {
    attempt: (source, invite) => tell('cdr:attempt', `${source}|${printTime(wall())}`, invite),
    start: (source, role, response) => tell('cdr:start', `${source}|${printTime(wall())}|${role}`, response),
    stop: (source, why, message) => tell('cdr:stop', `${source}|${printTime(wall())}|${why}`, message),
  };
};
