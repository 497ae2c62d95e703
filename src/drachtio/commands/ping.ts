import type { Command } from '../command.ts';

/** `ping`: the application's own watch over the connection. */
export const ping: Command = (application, message) => application.reply(message.id, 'OK|pong');
