import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseMessage, type SipResponse } from '../src/sip/message/index.ts';
import { authorization, challengeOf, type Challenge } from '../src/testing/phone-digest.ts';
import { seededRandom } from '../src/testing/index.ts';
import { Program, user } from './program.ts';

const rounds = Number(process.env['FLIPSWITCH_KILL_ROUNDS'] ?? 4);
const users = Array.from({ length: 20 }, (_, i) => String(200 + i));
const devices = users.flatMap((extension) => [`${extension}1`, `${extension}2`]);

/** What is known of something that changes: what was acknowledged last, and what was asked for since. */
class Register<T> {
  acknowledged: T;
  #asked: T[] = [];

  constructor(start: T) {
    this.acknowledged = start;
  }

  asked(value: T): void {
    this.#asked.push(value);
  }

  done(value: T): void {
    this.acknowledged = value;
    this.#asked = this.#asked.slice(this.#asked.indexOf(value) + 1);
  }

  /** After the end of the process: what was not acknowledged may have been done or not. */
  settle(found: T, what: string): void {
    const possible = [this.acknowledged, ...this.#asked];
    assert.ok(
      possible.includes(found),
      `${what} is ${String(found)} and not ${possible.map(String).join(' or ')}`,
    );
    this.acknowledged = found;
    this.#asked = [];
  }
}

/** Many phones on one socket, which send each REGISTER once: what is not answered is not asked again. */
class Registrants {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #challenges = new Map<string, Challenge>();
  readonly #waiting = new Map<string, (response: SipResponse) => void>();
  readonly #id = crypto.randomUUID();
  #sequence = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (bytes) => {
      const parsed = parseMessage(bytes);
      if (!parsed.ok || parsed.message.kind !== 'response') return;
      this.#waiting.get(parsed.message.headers.get('Call-ID') ?? '')?.(parsed.message);
    });
  }

  static async open(port: number): Promise<Registrants> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Registrants(socket, port);
  }

  close(): void {
    this.#socket.close();
  }

  /** Registers a device at one of its places, or takes it away; resolves with the final status, perhaps never. */
  async register(device: string, place: number): Promise<number> {
    const first = await this.#send(device, place);
    if (first.status !== 401) return first.status;
    const challenge = challengeOf(first, ['SHA-256']);
    assert.ok(challenge);
    this.#challenges.set(device, challenge);
    return (await this.#send(device, place)).status;
  }

  #send(device: string, place: number): Promise<SipResponse> {
    const { address, port } = this.#socket.address();
    const challenge = this.#challenges.get(device);
    const contact = `<sip:${device}@${address}:${port};place=${Math.abs(place)}>;+sip.instance="<urn:uuid:${device}>";reg-id=1`;
    const callId = `${device}-${++this.#sequence}-${this.#id}`;
    const lines = [
      'REGISTER sip:pbx.test SIP/2.0',
      `Via: SIP/2.0/UDP ${address}:${port};branch=z9hG4bK${callId}`,
      `From: <sip:${device}@pbx.test>;tag=${device}`,
      `To: <sip:${device}@pbx.test>`,
      `Call-ID: ${callId}`,
      `CSeq: ${this.#sequence} REGISTER`,
      `Contact: ${contact};expires=${place < 0 ? 0 : 600}`,
      'Max-Forwards: 70',
      'Content-Length: 0',
    ];
    if (challenge !== undefined) {
      const credentials = { user: device, password: `secret-${device}` };
      lines.push(`Authorization: ${authorization(challenge, credentials, 'REGISTER', 'sip:pbx.test')}`);
    }
    this.#socket.send(`${lines.join('\r\n')}\r\n\r\n`, this.#port, '127.0.0.1');
    return new Promise((done) => {
      this.#waiting.set(callId, (response) => {
        if (response.status < 200) return;
        this.#waiting.delete(callId);
        done(response);
      });
    });
  }
}

describe('kill -9 in the middle of everything', function () {
  this.timeout(60_000 + rounds * 60_000);

  it(`S0-69 S0-37 what was acknowledged is there after the start: 100 registrations a second and cold routes, ${rounds} times`, async () => {
    const program = await Program.create({
      users: users.map((extension) => user(extension, `${extension}1`, `${extension}2`)),
    });
    const seed = Number(process.env['FLIPSWITCH_KILL_SEED'] ?? Date.now() % 100_000);
    const random = seededRandom(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random.unit() * from.length)] as T;
    const places = new Map(devices.map((device) => [device, new Register<number | undefined>(undefined)]));
    const cold = new Map(users.map((extension) => [extension, new Register<string | null>(null)]));
    const busy = new Set<string>();
    let registrants: Registrants | undefined;
    let place = 0;
    const done = { granted: 0, changed: 0 };

    const registerOne = async (from: Registrants): Promise<void> => {
      const device = pick(devices.filter((each) => !busy.has(each)));
      const known = places.get(device);
      assert.ok(known);
      // One in eight goes away, so that it also shows when somebody came back who had left.
      const goes = known.acknowledged !== undefined && random.unit() < 1 / 8;
      const asked = goes ? undefined : ++place;
      busy.add(device);
      known.asked(asked);
      const status = await from.register(device, asked ?? -(known.acknowledged ?? 1));
      busy.delete(device);
      assert.equal(status, 200);
      known.done(asked);
      done.granted++;
    };
    const changeOne = async (): Promise<void> => {
      const extension = pick(users);
      const known = cold.get(extension);
      if (known === undefined || busy.has(extension)) return;
      const device = random.unit() < 1 / 4 ? null : pick([`${extension}1`, `${extension}2`]);
      busy.add(extension);
      known.asked(device);
      const path = `/api/v1/users/${extension}/cold-route`;
      const { admin } = program;
      const answer = device === null ? await admin.delete(path) : await admin.put(path, { device });
      busy.delete(extension);
      assert.ok(answer.status === 200 || answer.status === 204, `${answer.status}: ${answer.text}`);
      known.done(device);
      done.changed++;
    };

    const compare = async (): Promise<void> => {
      const { items } = (await program.admin.get('/api/v1/bindings')).body;
      const found = new Map(
        items.map((b) => [String(b['device']), Number(/place=(\d+)/.exec(String(b['contact']))?.[1])]),
      );
      assert.equal(found.size, items.length, 'no device is there twice');
      for (const [device, known] of places) known.settle(found.get(device), `the place of ${device}`);
      for (const [extension, known] of cold) {
        const { body } = await program.admin.get(`/api/v1/users/${extension}/cold-route`);
        known.settle(body['device'] as string | null, `the cold route of ${extension}`);
      }
    };

    try {
      await program.start();
      for (let round = 0; round < rounds; round++) {
        registrants = await Registrants.open(program.port);
        const wanted = done.granted + 60 + Math.floor(random.unit() * 120);
        const enough = () => done.granted >= wanted && done.changed >= (round + 1) * 3;
        const failures: unknown[] = [];
        // What the end of the process leaves without an answer has no say: only what was answered wrongly.
        const failed = (error: unknown) => {
          if ((error as Error).name === 'AssertionError') failures.push(error);
        };
        const deadline = performance.now() + 60_000;
        while (!enough()) {
          assert.ok(performance.now() < deadline, `acknowledged so far: ${JSON.stringify(done)}`);
          if (busy.size < devices.length) registerOne(registrants).catch(failed);
          if (random.unit() < 0.2) changeOne().catch(failed);
          await new Promise((done) => setTimeout(done, 10));
        }
        // With some of everything under way.
        registerOne(registrants).catch(failed);
        changeOne().catch(failed);
        if (random.unit() < 0.5) await new Promise((done) => setImmediate(done));
        await program.kill();
        registrants.close();
        registrants = undefined;
        busy.clear();
        assert.deepEqual(failures, []);
        await program.start();
        await compare();
        assert.ok(!/"level":50/.test(program.log), program.log);
      }
      process.stdout.write(
        `      seed ${seed}: ${done.granted} registrations and ${done.changed} cold routes acknowledged\n`,
      );
    } catch (error) {
      (error as Error).message += ` (FLIPSWITCH_KILL_SEED=${seed})`;
      throw error;
    } finally {
      registrants?.close();
      await program.close();
    }
  });
});
