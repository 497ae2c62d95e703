import { ngError, ngText, type NgDictionary } from '../../ng/index.ts';
import type { Relay } from '../relay/relay.ts';
import { answer } from './answer.ts';
import { remove } from './delete.ts';
import { list } from './list.ts';
import { offer } from './offer.ts';
import { query } from './query.ts';
import { Refusal, type Command } from './refusal.ts';
import { statistics } from './statistics.ts';

const commands: Readonly<Record<string, Command>> = {
  offer,
  answer,
  delete: remove,
  query,
  list,
  statistics,
};

/** Carries a request out and gives the reply, refusals included; only a fault of ours throws. */
export function execute(relay: Relay, request: NgDictionary): NgDictionary {
  const name = ngText(request, 'command');
  if (name === undefined) return ngError('Dictionary contains no key "command"');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return ngError('Unrecognized command');
  try {
    return { ...command(relay, request), result: 'ok' };
  } catch (error) {
    if (error instanceof Refusal) return ngError(error.message);
    throw error;
  }
}
