import { ngText, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import type { Relay } from '../relay/relay.ts';

/** A command that cannot be carried out; its message is what the client is told, in rtpengine's words. */
export class Refusal extends Error {}

/** A command: what to do with a request, and the reply without its `result: ok`. */
export type Command = (relay: Relay, request: NgDictionary) => NgDictionary;

/** The text at `key`, or a refusal that names it. */
export function need(request: NgDictionary, key: string, name = key): string {
  const value = ngText(request, key);
  if (value === undefined || value === '') throw new Refusal(`No ${name} in message`);
  return value;
}

export const callId = (request: NgDictionary): string | undefined =>
  ngText(request, 'call-id') ?? ngText(request, 'call-ID') ?? ngText(request, 'callid');

export function needCallId(request: NgDictionary): string {
  const id = callId(request);
  if (id === undefined || id === '') throw new Refusal('No call-id in message');
  return id;
}

/** The call of a request; `words` is how this command says that there is none. */
export function needCall(relay: Relay, request: NgDictionary, words = 'Unknown call-id'): Call {
  const call = relay.calls.get(needCallId(request));
  if (call === undefined) throw new Refusal(words);
  return call;
}
