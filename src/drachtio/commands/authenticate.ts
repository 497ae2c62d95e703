import { createHash, timingSafeEqual } from 'node:crypto';
import type { Application } from '../application.ts';
import type { Command } from '../command.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

export type AuthenticateOptions = {
  readonly secret: string;
  /** `hostports|version|localHostports`, told to whoever knows the secret. */
  readonly greeting: () => string;
  readonly onAuthenticated: (application: Application) => void;
};

/** `authenticate|<secret>|<tag,tag,…>`: OK with the listening addresses, or `NO` and the end of the connection. */
export const authenticate =
  (options: AuthenticateOptions): Command =>
  (application, message) => {
    const [secret = '', tags = ''] = message.tokens;
    if (!timingSafeEqual(digest(secret), digest(options.secret))) {
      application.reply(message.id, 'NO|incorrect secret');
      application.end();
      return;
    }
    if (application.authenticated) return application.reply(message.id, `OK|${options.greeting()}`);
    application.authenticated = true;
    application.tags = new Set(tags.split(',').filter((tag) => tag !== ''));
    application.reply(message.id, `OK|${options.greeting()}`);
    options.onAuthenticated(application);
  };
