import type { Application } from '../application.ts';
import type { Command } from '../command.ts';
import type { Verbs } from '../verbs.ts';

/** `route|<verb>`: this application takes new requests of that method, or call records of that kind. */
export const route =
  (verbs: Verbs<Application>): Command =>
  (application, message) => {
    const verb = message.tokens[0] ?? '';
    if (verb === '' || verb.length > 64) return application.reply(message.id, 'NO|Invalid message format');
    verbs.add(verb.toLowerCase(), application);
    application.reply(message.id, 'OK');
  };
