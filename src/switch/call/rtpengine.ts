import { Client } from 'rtpengine-client';
import type { Clock, Logger, Random, Timer } from '../../base/index.ts';
import { NgClient, ngText, type NgDictionary } from '../../ng/index.ts';
import { MediaFailure, type MediaEngine, type NgReply } from './media-engine.ts';
import { MediaPool, type PoolMember, type PoolNode } from './media-pool.ts';

export type MediaNode = PoolNode & { readonly host: string; readonly port: number };

export type MediaEngineOptions = {
  readonly nodes: readonly MediaNode[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** After how long a command is repeated; it has failed after twice that. */
  readonly timeoutMs?: number;
  /** How often each node is asked whether it is there, 1000; one that has not answered for four times as long is not. */
  readonly pingMs?: number;
  /** Whether its log tells of more than digits, as the embedded relay's does. */
  readonly announces?: boolean;
};

type Method = (port: number, host: string, fields: object) => Promise<NgReply>;

/** rtpengine-client's method names by ng command: those that go through it, with text values only. */
const methods: Readonly<Record<string, string>> = {
  list: 'list',
  statistics: 'statistics',
  query: 'query',
  'start recording': 'startRecording',
  'stop recording': 'stopRecording',
  'silence media': 'silenceMedia',
  'unsilence media': 'unsilenceMedia',
};

type Node = MediaNode & {
  /** For whether it is there. */
  readonly ng: NgClient;
  /** For what calls need. */
  readonly commands: NgClient;
};
type Member = PoolMember<Node>;

/** A node did not answer, so that another may be asked. */
class NodeGone extends MediaFailure {}

const RECEIVE_BUFFER = 1 << 20;

/** A leg that no call has: what is said of the call shows whether the node has it. */
const nobody = 'nobody';

/**
 * Drives one rtpengine or many, the embedded relay included. What every call needs goes through our own ng client, which
 * repeats a command with its cookie and costs less; what is seldom, and is known to it, through rtpengine-client, which
 * does not repeat and is told twice. A call stays on the node that it began on, as long as that has it: the calls of a node that
 * died, or that came back without them, are told to whoever wants to know.
 */
class Rtpengine implements MediaEngine {
  readonly #client: Record<string, Method> & {
    on(event: 'error' | 'listening', f: (e: unknown) => void): void;
    readonly socket: { setRecvBufferSize(bytes: number): void };
    close(): void;
  };
  readonly #pool: MediaPool<Node>;
  readonly #options: MediaEngineOptions;
  readonly #timeoutMs: number;
  readonly announces: boolean;
  readonly #pinged = new Set<Member>();
  /** Calls whose first offer has no answer yet. */
  readonly #beginning = new Set<string>();
  /** Calls whose end is on its way. */
  readonly #ending = new Set<string>();
  /** Calls that a device was taken out of, which may have been all that they had. */
  readonly #thinned = new Set<string>();
  /** Calls that are being asked about, and whether anything was asked of them meanwhile. */
  readonly #asked = new Map<string, boolean>();
  #tellLost: (callId: string) => void = () => undefined;
  #closed = false;
  #nextPing: Timer | undefined;

  constructor(options: MediaEngineOptions) {
    this.#options = options;
    this.announces = options.announces ?? false;
    this.#timeoutMs = options.timeoutMs ?? 1000;
    this.#client = new Client({ timeout: this.#timeoutMs }) as never;
    // A burst of replies must not be lost while the thread is at something else: each one lost costs its call a second.
    this.#client.on('listening', () => this.#client.socket.setRecvBufferSize(RECEIVE_BUFFER));
    this.#client.on('error', (error) => options.log.warn({ error: String(error) }, 'media engine client'));
    const { clock, random } = options;
    const repeatMs = this.#timeoutMs;
    this.#pool = new MediaPool(
      options.nodes.map((node) => {
        const client = { address: node.host, port: node.port, clock, random };
        return {
          ...node,
          ng: new NgClient({ ...client, timeoutMs: 2 * this.#pingMs }),
          commands: new NgClient({ ...client, timeoutMs: 2 * repeatMs, repeatMs }),
        };
      }),
    );
    this.#schedule();
  }

  get alive(): boolean {
    return this.#pool.members.some((member) => member.alive);
  }

  onLost(tell: (callId: string) => void): void {
    this.#tellLost = tell;
  }

  command(name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const callId = fields['call-id'];
    if (typeof callId !== 'string') return this.#on(this.#choose(), name, fields);
    const placed = this.#pool.of(callId);
    if (this.#asked.has(callId)) this.#asked.set(callId, true);
    if (name === 'delete' && fields['from-tag'] === undefined) return this.#end(callId, placed, fields);
    if (name === 'delete' && placed !== undefined) return this.#thin(callId, placed, fields);
    if (placed === undefined && name === 'offer') return this.#begin(callId, fields);
    return this.#on(placed ?? this.#choose(), name, fields);
  }

  close(): void {
    this.#closed = true;
    this.#nextPing?.cancel();
    this.#client.close();
    for (const { node } of this.#pool.members) {
      void node.ng.close();
      void node.commands.close();
    }
  }

  get #pingMs(): number {
    return this.#options.pingMs ?? 1000;
  }

  #choose(): Member {
    const member = this.#pool.choose();
    if (member === undefined) throw new MediaFailure('no media engine is configured');
    return member;
  }

  /** A node that turns out to be dead is no reason to refuse a call while another lives. */
  async #begin(callId: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    this.#beginning.add(callId);
    try {
      return await this.#beginOn(callId, fields).catch((error: unknown) => {
        if (!(error instanceof NodeGone) || !this.alive) throw error;
        return this.#beginOn(callId, fields);
      });
    } finally {
      this.#beginning.delete(callId);
    }
  }

  async #beginOn(callId: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const member = this.#choose();
    // At once: what comes for this call meanwhile goes there, too.
    this.#pool.put(callId, member);
    try {
      return await this.#on(member, 'offer', fields);
    } catch (error) {
      this.#forget(callId);
      throw error;
    }
  }

  async #end(
    callId: string,
    placed: Member | undefined,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<NgReply> {
    this.#ending.add(callId);
    try {
      return await (placed === undefined ? this.#everywhere(fields) : this.#on(placed, 'delete', fields));
    } finally {
      this.#ending.delete(callId);
      this.#forget(callId);
    }
  }

  #forget(callId: string): void {
    this.#thinned.delete(callId);
    this.#pool.forget(callId);
  }

  /** A device leaves; without it there may be no call any more, which is nothing lost. */
  async #thin(callId: string, member: Member, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    this.#thinned.add(callId);
    const reply = await this.#on(member, 'delete', fields);
    void this.#has(member, callId);
    return reply;
  }

  /** The end of a call of an earlier process, whichever node has it. */
  async #everywhere(fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const living = this.#pool.members.filter((member) => member.alive);
    const replies = await Promise.allSettled(living.map((member) => this.#on(member, 'delete', fields)));
    const reply = replies.find((one) => one.status === 'fulfilled')?.value;
    if (reply === undefined) throw new MediaFailure('no media engine answers');
    return reply;
  }

  async #on(member: Member, name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const reply = await this.#send(member, name, fields);
    if (reply.result === 'error' || reply.result === 'load limit')
      throw new MediaFailure(ngText(reply as NgDictionary, 'error-reason') ?? reply.result);
    if (name === 'offer') this.#thinned.delete(String(fields['call-id']));
    return reply;
  }

  async #send(member: Member, name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const method = methods[name];
    const bytes = Object.values(fields).some((value) => value instanceof Uint8Array);
    if (method === undefined || bytes) return this.#command(member, name, fields);
    const { node } = member;
    const once = () => (this.#client[method] as Method).call(this.#client, node.port, node.host, fields);
    try {
      return await once();
    } catch {
      if (this.#closed) throw new MediaFailure('the media engine was closed');
    }
    try {
      return await once();
    } catch (error) {
      return this.#unanswered(member, error);
    }
  }

  #command(member: Member, name: string, fields: Readonly<Record<string, unknown>>): Promise<NgReply> {
    const reply = member.node.commands.request(name, fields as NgDictionary) as Promise<NgReply>;
    return reply.catch((error: unknown) => this.#unanswered(member, error));
  }

  #unanswered(member: Member, error: unknown): never {
    if (this.#closed) throw new MediaFailure('the media engine was closed');
    this.#gone(member);
    const { host, port } = member.node;
    throw new NodeGone(`media engine ${host}:${port} does not answer: ${String(error)}`);
  }

  #schedule(): void {
    this.#nextPing = this.#options.clock.after(this.#pingMs, () => {
      if (this.#closed) return;
      for (const member of this.#pool.members) if (!this.#pinged.has(member)) void this.#ping(member);
      this.#schedule();
    });
  }

  async #ping(member: Member): Promise<void> {
    this.#pinged.add(member);
    const once = () => member.node.ng.request('ping').catch(() => undefined);
    // Twice: where this process stood still for long, the answer is there and the time is up.
    const reply = (await once()) ?? (this.#closed ? undefined : await once());
    this.#pinged.delete(member);
    if (this.#closed) return;
    if (reply?.['result'] !== 'pong') return this.#gone(member);
    if (!member.alive) this.#options.log.info(nameOf(member), 'a media engine is back');
    member.alive = true;
    await this.#inspect(member);
  }

  /** A node that was started again answers, and knows nothing: one of its calls shows that for all of them. */
  async #inspect(member: Member): Promise<void> {
    const [callId] = member.calls;
    if (callId === undefined || (await this.#has(member, callId))) return;
    const lost: string[] = [];
    // As they are now: each that is asked about goes to the end of the queue.
    const all = [...member.calls];
    for (const each of all) if (!(await this.#has(member, each))) lost.push(each);
    if (lost.length > 0) this.#lose(member, lost, 'a media engine has no media of calls that were with it');
  }

  /** False where the node has no media of a call that should have some. */
  async #has(member: Member, callId: string): Promise<boolean> {
    const isChanging = () => this.#beginning.has(callId) || this.#ending.has(callId);
    if (isChanging() || this.#asked.has(callId)) return true;
    this.#asked.set(callId, false);
    const question = { 'call-id': callId, 'from-tag': nobody };
    const reply = await member.node.ng.request('query', question).catch(() => undefined);
    const wasMeddledWith = this.#asked.get(callId) === true;
    this.#asked.delete(callId);
    if (this.#pool.of(callId) !== member) return true;
    // To the end of the queue.
    this.#pool.put(callId, member);
    // What was true when it was asked may not be any more.
    if (wasMeddledWith || isChanging() || reply === undefined) return true;
    if (ngText(reply, 'error-reason') !== 'Unknown call-id') {
      this.#thinned.delete(callId);
      return true;
    }
    return this.#thinned.has(callId);
  }

  #gone(member: Member): void {
    if (this.#closed || !member.alive) return;
    member.alive = false;
    // With nobody to take them over they stay: it may come back with its calls.
    const calls = this.alive ? [...member.calls] : [];
    this.#lose(member, calls, 'a media engine does not answer');
  }

  #lose(member: Member, calls: readonly string[], what: string): void {
    if (this.#closed) return;
    this.#options.log.error({ ...nameOf(member), calls: calls.length }, what);
    for (const callId of calls) this.#forget(callId);
    // One that only begins begins elsewhere.
    for (const callId of calls) if (!this.#beginning.has(callId)) this.#tellLost(callId);
  }
}

const nameOf = ({ node }: Member) => ({ node: `${node.host}:${node.port}` });

/** The media engine behind rtpengine's ng protocol, at these addresses. */
export const createMediaEngine = (options: MediaEngineOptions): MediaEngine => new Rtpengine(options);
