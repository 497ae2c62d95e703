import { ngError, ngText, type NgDictionary } from '../../ng/index.ts';
import type { Relay } from '../relay/relay.ts';
import { answer } from './answer.ts';
import { blockDtmf, blockMedia, silenceMedia, unblockDtmf, unblockMedia, unsilenceMedia } from './block.ts';
import { connect } from './connect.ts';
import { remove } from './delete.ts';
import { list } from './list.ts';
import { offer } from './offer.ts';
import { playDtmf, playMedia, stopMedia } from './play.ts';
import { publish } from './publish.ts';
import { query } from './query.ts';
import * as recording from './recording.ts';
import { Refusal, type Command } from './refusal.ts';
import { statistics } from './statistics.ts';
import { subscribeAnswer, subscribeRequest, unsubscribe } from './subscribe.ts';

const commands: Readonly<Record<string, Command>> = {
  offer,
  answer,
  delete: remove,
  query,
  list,
  statistics,
  connect,
  publish,
  'subscribe request': subscribeRequest,
  'subscribe answer': subscribeAnswer,
  unsubscribe,
  'block media': blockMedia,
  'unblock media': unblockMedia,
  'silence media': silenceMedia,
  'unsilence media': unsilenceMedia,
  'block DTMF': blockDtmf,
  'unblock DTMF': unblockDtmf,
  'play media': playMedia,
  'stop media': stopMedia,
  'play DTMF': playDtmf,
  'start recording': recording.start,
  'stop recording': recording.stop,
  'pause recording': recording.pause,
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
