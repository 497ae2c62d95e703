import { createSocket, type Socket } from 'node:dgram';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { runMediaEngine, type MediaEngineOptions } from '../src/media/index.ts';
import { NgClient, ngText, type NgDictionary } from '../src/ng/index.ts';
import { RtpEndpoint, type RtpEndpointOptions } from '../src/testing/index.ts';

const LOWEST = 34_000;
const HIGHEST = 60_000;
const PORTS = 400;
/** `MEDIA_IO=node` has every scenario run over node:dgram where the machine has io_uring. */
const io = process.env['MEDIA_IO'] === 'node' ? 'node' : 'auto';

/** A line of the event log, as it came over UDP. */
export type LoggedEvent = NgDictionary & { readonly type: string };

/** An engine, a client and an event log of a test's own, with phones that are closed together with them. */
export class MediaKit {
  readonly engine: Awaited<ReturnType<typeof runMediaEngine>>;
  readonly client: NgClient;
  readonly events: LoggedEvent[] = [];
  readonly #log: Socket;
  readonly #phones: RtpEndpoint[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(engine: Awaited<ReturnType<typeof runMediaEngine>>, log: Socket) {
    this.engine = engine;
    const { address, port } = engine;
    this.client = new NgClient({ address, port, clock: systemClock, random: systemRandom });
    this.#log = log;
    log.on('message', (bytes) => {
      this.events.push(JSON.parse(bytes.toString()) as LoggedEvent);
      for (const look of this.#waiting) look();
    });
  }

  static async start(options: Partial<MediaEngineOptions> = {}): Promise<MediaKit> {
    const log = createSocket('udp4');
    await new Promise<void>((resolve) => log.bind(0, '127.0.0.1', resolve));
    const first = LOWEST + 2 * Math.floor((Math.random() * (HIGHEST - LOWEST - PORTS)) / 2);
    const engine = await runMediaEngine({
      listen: { address: '127.0.0.1', port: 0 },
      addresses: { IP4: '127.0.0.1' },
      ports: [first, first + PORTS - 1],
      dtmfLog: { address: '127.0.0.1', port: log.address().port },
      threads: 1,
      io,
      ...options,
    });
    return new MediaKit(engine, log);
  }

  async phone(options: RtpEndpointOptions): Promise<RtpEndpoint> {
    const phone = await RtpEndpoint.open(options);
    this.#phones.push(phone);
    return phone;
  }

  /** A command that must succeed. */
  async ok(command: string, body: NgDictionary): Promise<NgDictionary> {
    const reply = await this.client.request(command, body);
    if (reply['result'] !== 'ok') throw new Error(`${command}: ${JSON.stringify(reply)}`);
    return reply;
  }

  /** A command that answers with a description. */
  async sdp(command: string, body: NgDictionary): Promise<string> {
    return ngText(await this.ok(command, body), 'sdp') ?? '';
  }

  /** The first event that matches, now or later; rejects after five seconds. */
  async event(matches: (event: LoggedEvent) => boolean, what: string): Promise<LoggedEvent> {
    const found = () => this.events.find(matches);
    const now = found();
    if (now !== undefined) return now;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`no event ${what}; there were ${JSON.stringify(this.events)}`));
      }, 5000);
      const look = () => {
        const event = found();
        if (event === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(event);
      };
      this.#waiting.add(look);
    });
  }

  /** Ends the phones of one test; the engine goes on. */
  hangUp(): void {
    for (const phone of this.#phones.splice(0)) phone.close();
    this.events.length = 0;
  }

  async close(): Promise<void> {
    this.hangUp();
    await this.client.close();
    await this.engine.close();
    await new Promise<void>((resolve) => this.#log.close(() => resolve()));
  }

  /** Lets `c` and `a` talk, as caller and called phone of call `id`; both are sending when it resolves. */
  async call(id: string, c: RtpEndpoint, a: RtpEndpoint, flags: NgDictionary = {}): Promise<void> {
    const sides = { 'call-id': id, 'from-tag': c.name, 'via-branch': `branch-${a.name}` };
    const how = { flags: ['port-latching'], ICE: 'remove', ...flags };
    const forA = await this.sdp('offer', { ...sides, ...how, sdp: c.sdp() });
    const forC = await this.sdp('answer', {
      ...sides,
      'to-tag': a.name,
      flags: ['port-latching'],
      sdp: a.sdp(),
    });
    c.start(forC);
    a.start(forA);
    await Promise.all([c.hears(5, a.name), a.hears(5, c.name)]);
  }
}
