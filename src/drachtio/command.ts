import type { Application } from './application.ts';
import type { ClientMessage } from './leader.ts';

/** One command of an application: it answers by `application.reply(message.id, …)`, now or later. */
export type Command = (application: Application, message: ClientMessage) => void;
