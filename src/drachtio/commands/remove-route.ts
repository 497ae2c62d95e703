import type { Application } from '../application.ts';
import type { Command } from '../command.ts';
import type { Verbs } from '../verbs.ts';

/** `remove_route|<verb>`: takes back that verb and no other. */
export const removeRoute =
  (verbs: Verbs<Application>): Command =>
  (application, message) => {
    verbs.remove((message.tokens[0] ?? '').toLowerCase(), application);
    application.reply(message.id, 'OK');
  };
