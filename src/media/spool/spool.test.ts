import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts';
import { buildRtp, createEncoder, parseWav } from '../../rtp/index.ts';
import { convertRecording } from './convert.ts';
import { parseNotes, printLine, type TimedNote } from './notes.ts';
import { PcapReader, type RecordedPacket } from './pcap.ts';
import { Spool } from './spool.ts';

const START = 1_700_000_000_000;
const PCMA = { payloadType: 8, name: 'PCMA', clockRate: 8000, channels: 1 };

type Sent = { readonly at: number; readonly port: number; readonly payload: Uint8Array };

function pcap(packets: readonly Sent[], { little = true, ip = 4, link = 1, nano = false } = {}): Buffer {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value >>> 0);
    else bytes.writeUInt32BE(value >>> 0);
    return bytes;
  };
  const version = little ? Buffer.from([2, 0, 4, 0]) : Buffer.from([0, 2, 0, 4]);
  const head = [u32(nano ? 0xa1b23c4d : 0xa1b2c3d4), version, u32(0), u32(0), u32(65_535), u32(link)];
  const records = packets.flatMap(({ at, port, payload }) => {
    const network = ip === 4 ? Buffer.alloc(20) : Buffer.alloc(40);
    network[0] = ip === 4 ? 0x45 : 0x60;
    network[ip === 4 ? 9 : 6] = 17;
    const udp = Buffer.alloc(8);
    udp.writeUInt16BE(port, 2);
    const packet = Buffer.concat([Buffer.alloc(link === 1 ? 14 : 0), network, udp, payload]);
    const ms = START + at;
    const fraction = Math.round((ms % 1000) * (nano ? 1e6 : 1e3));
    return [u32(Math.floor(ms / 1000)), u32(fraction), u32(packet.length), u32(packet.length), packet];
  });
  return Buffer.concat([...head, ...records]);
}

const read = (reader: PcapReader, ...pieces: readonly Buffer[]): RecordedPacket[] =>
  pieces.flatMap((piece) =>
    [...reader.read(piece)].map((packet) => ({ ...packet, payload: Buffer.from(packet.payload) })),
  );

/** 20 ms packets of one loudness from `from` to `until` milliseconds. */
async function speech(port: number, level: number, from: number, until: number): Promise<Sent[]> {
  const encoder = await createEncoder(PCMA);
  const sent: Sent[] = [];
  for (let at = from, n = 0; at < until; at += 20, n += 1) {
    const payload = Buffer.alloc(160);
    encoder?.encode(new Int16Array(160).fill(level), payload);
    const header = { marker: false, payloadType: 8, sequence: n, timestamp: n * 160, ssrc: port };
    sent.push({ at, port, payload: buildRtp(header, payload) });
  }
  return sent;
}

const note = (at: number, port: number, side: 'left' | 'right'): TimedNote => ({
  at: START + at,
  port,
  side,
  codecs: [PCMA],
});

describe('recordings made by another engine', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'spool-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The sound of a side, one value each 20 ms, to the nearest thousand. */
  async function levels(
    packets: readonly Sent[],
    notes: readonly TimedNote[],
  ): Promise<[number[], number[]]> {
    const file = join(folder, 'made.wav');
    const source = join(folder, 'made.pcap');
    writeFileSync(source, pcap(packets.toSorted((a, b) => a.at - b.at)));
    await convertRecording({ pcaps: [source], notes, file });
    const wav = parseWav(readFileSync(file));
    assert.ok(typeof wav !== 'string', 'a WAV file');
    const side = (channel: number) =>
      Array.from({ length: wav.pcm.length / 320 }, (_, i) =>
        Math.round((wav.pcm[i * 320 + 160 + channel] ?? 0) / 1000),
      );
    return [side(0), side(1)];
  }

  it('reads pcap of either byte order, precision, link type and address family', () => {
    const sent = [{ at: 1250, port: 30_000, payload: Buffer.from('one') }];
    for (const kind of [
      {},
      { little: false },
      { ip: 6 },
      { link: 101 },
      { nano: true, ip: 6, little: false },
    ]) {
      const [packet, ...more] = read(new PcapReader(), pcap(sent, kind));
      assert.deepEqual(more, []);
      assert.deepEqual(packet, { at: START + 1250, port: 30_000, payload: Buffer.from('one') });
    }
  });

  it('reads a pcap cut anywhere, in pieces of any size, and never throws', () => {
    const sent = [0, 20, 40].map((at) => ({ at, port: 30_000 + at, payload: Buffer.alloc(at + 1, at) }));
    const whole = pcap(sent);
    const expected = read(new PcapReader(), whole);
    assert.equal(expected.length, 3);
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length), (a, b) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const cut = [whole.subarray(0, first), whole.subarray(first, second)];
        const found = read(new PcapReader(), ...cut);
        assert.deepEqual(found, expected.slice(0, found.length));
        assert.deepEqual(read(new PcapReader(), ...cut, whole.subarray(second)), expected);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, headed) => {
        const head = headed ? whole.subarray(0, 24) : Buffer.alloc(0);
        read(new PcapReader(), Buffer.concat([head, bytes]));
      }),
    );
    const reader = new PcapReader();
    assert.deepEqual([read(reader, Buffer.alloc(100, 1)), reader.damaged], [[], true]);
  });

  it('S1-12 puts each side where it was received, and who takes over a side in place of who spoke before', async () => {
    const packets = [
      ...(await speech(1, 8000, 0, 400)),
      ...(await speech(2, 16_000, 0, 300)),
      // The new device begins while the old one still sends.
      ...(await speech(3, 4000, 200, 400)),
      // A stranger's port, and one that rang only.
      ...(await speech(9, 30_000, 0, 400)),
    ];
    const notes = [note(-5, 1, 'left'), note(-5, 2, 'right'), note(150, 3, 'right')];
    const [left, right] = await levels(packets, notes);
    const loud = (level: number, count: number) => Array.from({ length: count }, () => level);
    assert.deepEqual(left.slice(1, 19), loud(8, 18));
    assert.deepEqual([right.slice(1, 9), right.slice(11, 19)], [loud(16, 8), loud(4, 8)]);
  });

  it('gives a side back to a device whose successor did not come through', async () => {
    const packets = [
      ...(await speech(1, 8000, 0, 100)),
      ...(await speech(2, 16_000, 100, 200)),
      ...(await speech(1, 8000, 200, 300)),
    ];
    const notes = [note(0, 1, 'left'), note(90, 2, 'left'), note(190, 1, 'left')];
    const [left] = await levels(packets, notes);
    assert.deepEqual([left[2], left[7], left[12]], [8, 16, 8]);
  });

  it('keeps the way from notes to text and back, and reads what a crash left of them', () => {
    const notes = [note(0, 30_000, 'left'), note(20, 30_002, 'right')];
    const text = printLine({ file: 'a.wav' }) + notes.map(printLine).join('');
    assert.deepEqual(parseNotes(text), { file: 'a.wav', notes });
    assert.deepEqual(parseNotes(text.slice(0, -5)), { file: 'a.wav', notes: notes.slice(0, 1) });
    assert.equal(parseNotes(printLine({ file: '../a.wav' })), undefined);
    fc.assert(fc.property(fc.string(), (any) => void parseNotes(any)));
  });

  it('waits for the end of a recording, makes it once, and forgets what rtpengine kept of it', async () => {
    const [pcaps, metadata] = [join(folder, 'pcaps'), join(folder, 'metadata')];
    for (const path of [pcaps, metadata]) mkdirSync(path);
    const recordings = join(folder, 'recordings');
    const spool = await Spool.open({
      spool: folder,
      recordings,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      lookMs: 5,
    });
    const file = spool.begin('c1');
    spool.note('c1', { port: 1, side: 'left', codecs: [PCMA] });
    spool.end('c1');
    assert.deepEqual(spool.waiting, ['c1']);
    writeFileSync(join(pcaps, 'c1-00.pcap'), pcap(await speech(1, 8000, 0, 100)));
    writeFileSync(join(metadata, 'rtpengine-meta-c1-00.txt'), 'done');
    while (spool.waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await spool.close();
    assert.ok(existsSync(file));
    assert.deepEqual(readdirSync(recordings).toSorted(), ['.pending', file.slice(recordings.length + 1)]);
    assert.deepEqual(
      [pcaps, metadata, join(recordings, '.pending')].flatMap((path) => readdirSync(path)),
      [],
    );
  });
});
