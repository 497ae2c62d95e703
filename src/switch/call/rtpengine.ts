import { Client } from 'rtpengine-client';
import type { Clock, Logger, Random, Timer } from '../../base/index.ts';
import { NgClient, ngText, type NgDictionary } from '../../ng/index.ts';
import { MediaFailure, type MediaEngine, type NgReply } from './media-engine.ts';

export type MediaNode = { readonly host: string; readonly port: number };

export type MediaEngineOptions = {
  readonly nodes: readonly MediaNode[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** One try; there are two. */
  readonly timeoutMs?: number;
  readonly pingSeconds?: number;
  /** Whether its log tells of more than digits, as the embedded relay's does. */
  readonly announces?: boolean;
};

type Method = (port: number, host: string, fields: object) => Promise<NgReply>;

/** rtpengine-client's method names by ng command: all that it knows, with text values only. */
const methods: Readonly<Record<string, string>> = {
  offer: 'offer',
  answer: 'answer',
  delete: 'delete',
  query: 'query',
  list: 'list',
  ping: 'ping',
  statistics: 'statistics',
  'start recording': 'startRecording',
  'stop recording': 'stopRecording',
  'block DTMF': 'blockDTMF',
  'unblock DTMF': 'unblockDTMF',
  'play DTMF': 'playDTMF',
  'block media': 'blockMedia',
  'unblock media': 'unblockMedia',
  'silence media': 'silenceMedia',
  'unsilence media': 'unsilenceMedia',
  'play media': 'playMedia',
  'stop media': 'stopMedia',
};

type Node = MediaNode & { readonly ng: NgClient; alive: boolean };

/**
 * Drives one rtpengine or many, the embedded relay included, through rtpengine-client. That client has no retransmission
 * and spoils binary values, and does not know newer commands: a command is tried twice, and what it cannot say goes
 * through our own ng client. A call stays on the node that it began on.
 */
class Rtpengine implements MediaEngine {
  readonly #client: Record<string, Method> & {
    on(event: 'error', f: (e: unknown) => void): void;
    close(): void;
  };
  readonly #nodes: readonly Node[];
  readonly #options: MediaEngineOptions;
  readonly #timeoutMs: number;
  readonly announces: boolean;
  readonly #placed = new Map<string, Node>();
  #next = 0;
  #closed = false;
  #nextPing: Timer | undefined;

  constructor(options: MediaEngineOptions) {
    this.#options = options;
    this.announces = options.announces ?? false;
    this.#timeoutMs = options.timeoutMs ?? 1000;
    this.#client = new Client({ timeout: this.#timeoutMs }) as never;
    this.#client.on('error', (error) => options.log.warn({ error: String(error) }, 'media engine client'));
    this.#nodes = options.nodes.map(({ host, port }) => ({
      host,
      port,
      alive: true,
      ng: new NgClient({ address: host, port, clock: options.clock, random: options.random }),
    }));
    this.#ping();
  }

  get alive(): boolean {
    return this.#nodes.some((node) => node.alive);
  }

  async command(name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const callId = fields['call-id'];
    const node = this.#nodeOf(typeof callId === 'string' ? callId : undefined);
    const reply = await this.#twice(node, name, fields);
    if (name === 'delete' && typeof callId === 'string' && fields['from-tag'] === undefined)
      this.#placed.delete(callId);
    if (reply.result === 'error' || reply.result === 'load limit')
      throw new MediaFailure(ngText(reply as NgDictionary, 'error-reason') ?? reply.result);
    return reply;
  }

  close(): void {
    this.#closed = true;
    this.#nextPing?.cancel();
    this.#client.close();
    for (const node of this.#nodes) void node.ng.close();
  }

  #nodeOf(callId: string | undefined): Node {
    const placed = callId === undefined ? undefined : this.#placed.get(callId);
    if (placed !== undefined) return placed;
    const living = this.#nodes.filter((node) => node.alive);
    const pool = living.length > 0 ? living : this.#nodes;
    const node = pool[this.#next++ % pool.length];
    if (node === undefined) throw new MediaFailure('no media engine is configured');
    if (callId !== undefined) this.#placed.set(callId, node);
    return node;
  }

  async #twice(node: Node, name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const method = methods[name];
    if (method === undefined || Object.values(fields).some((value) => value instanceof Uint8Array))
      return (await node.ng.request(name, fields as NgDictionary)) as NgReply;
    const once = () => (this.#client[method] as Method).call(this.#client, node.port, node.host, fields);
    try {
      return await once();
    } catch {
      if (this.#closed) throw new MediaFailure('the media engine was closed');
    }
    try {
      return await once();
    } catch (error) {
      node.alive = false;
      throw new MediaFailure(`media engine ${node.host}:${node.port} does not answer: ${String(error)}`);
    }
  }

  /** Notices a dead node between calls, and its return. */
  #ping(): void {
    const { clock, pingSeconds = 5 } = this.#options;
    this.#nextPing = clock.after(pingSeconds * 1000, () => {
      if (this.#closed) return;
      for (const node of this.#nodes)
        void node.ng.request('ping').then(
          (reply) => void (node.alive = reply['result'] === 'pong'),
          () => void (node.alive = false),
        );
      this.#ping();
    });
  }
}

/** The media engine behind rtpengine's ng protocol, at these addresses. */
export const createMediaEngine = (options: MediaEngineOptions): MediaEngine => new Rtpengine(options);
