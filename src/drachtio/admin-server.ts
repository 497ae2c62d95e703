import type { Logger } from '../base/index.ts';
import {
  defaultConnectionLimits,
  listenForConnections,
  type Connection,
  type ConnectionHandlers,
  type ConnectionServer,
} from '../net/index.ts';
import { Application } from './application.ts';
import type { Command } from './command.ts';
import { createFrameReader } from './frame.ts';
import { parseClientMessage, type ClientMessage } from './leader.ts';
import type { TlsKeys } from './options.ts';

export type AdminServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsKeys;
  readonly maxFrameBytes: number;
  readonly maxBacklogBytes: number;
  /** A fresh id for a connection; message ids start with it. */
  readonly newId: () => string;
  readonly log: Logger;
  readonly commands: ReadonlyMap<string, Command>;
  /** The connection of an application that had authenticated is gone. */
  readonly onLost: (application: Application) => void;
};

/** How long a connection may take to authenticate, in milliseconds, and how much it may say for that. */
const strangerMs = 10_000;
const strangerFrameBytes = 4096;

/** The server of the admin protocol: frames in, commands dispatched; nothing before `authenticate`. */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #applications = new Set<Application>();
  #server: ConnectionServer | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  get applications(): ReadonlySet<Application> {
    return this.#applications;
  }

  /** Resolves with the address in use; rejects with the system's error. */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port, tls, maxBacklogBytes } = this.#options;
    this.#server = await listenForConnections({
      protocol: tls ? 'tls' : 'tcp',
      local: { address: host, port },
      ...(tls && { tls }),
      limits: { ...defaultConnectionLimits, writeBufferBytes: maxBacklogBytes },
      onConnection: (connection) => this.adopt(connection).handlers,
    });
    return { host: this.#server.local.address, port: this.#server.local.port };
  }

  /** Serves a connection, accepted or dialled; the peer authenticates first either way. */
  adopt(connection: Connection): {
    readonly application: Application;
    readonly handlers: ConnectionHandlers;
  } {
    const { newId, maxFrameBytes, log, onLost } = this.#options;
    const application = new Application(newId(), connection);
    const reader = createFrameReader(strangerFrameBytes);
    this.#applications.add(application);
    connection.setIdle(strangerMs);
    const handlers: ConnectionHandlers = {
      onData: (bytes) => {
        const bad = reader.push(bytes, (frame) => {
          this.#frame(application, frame);
          if (!application.authenticated || reader.limit === maxFrameBytes) return;
          reader.limit = maxFrameBytes;
          connection.setIdle(0);
        });
        if (bad === undefined) return;
        log.warn({ application: application.id, reason: bad }, 'application closed: not a frame');
        connection.destroy('error', bad);
      },
      onClosed: () => {
        this.#applications.delete(application);
        application.lost();
        if (application.authenticated) onLost(application);
      },
    };
    return { application, handlers };
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #frame(application: Application, frame: Buffer): void {
    if (!application.open) return;
    const message = parseClientMessage(frame);
    if (message === undefined)
      return refuse(application, frame.toString('utf8', 0, 64), 'Invalid message format');
    const command = this.#options.commands.get(message.type);
    if (!application.authenticated && message.type !== 'authenticate')
      return refuse(application, message.id, 'not authenticated');
    if (command === undefined) return refuse(application, message.id, 'Unknown message type');
    this.#run(command, application, message);
  }

  #run(command: Command, application: Application, message: ClientMessage): void {
    try {
      command(application, message);
    } catch (error) {
      // A fault of ours must not take the other applications' calls with it.
      this.#options.log.error({ err: error, type: message.type }, 'command failed');
      application.reply(message.id, 'NOK|internal error');
    }
  }
}

/** An error of the protocol itself: told, then the connection is closed. */
export const refuse = (application: Application, commandId: string, text: string): void => {
  application.reply(commandId.split('|')[0] ?? '', `NO|${text}`);
  application.end();
};
