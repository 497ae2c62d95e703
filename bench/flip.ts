/**
 * Live flips through the whole program, as the far party receives them: pulls by *33, pushes by *9, and pulls while other
 * calls run, on the embedded relay and on rtpengine in one run. Every packet names its sender and counts.
 *
 * npm run bench -- flip [--flips 200] [--calls 100] [--engines embedded,rtpengine] [--modes pull,push,loaded] [--json FILE]
 *
 * Gaps are between two packets at the far party's socket, less what the senders themselves were late; "cost" is the gap
 * above one packet interval. Loss is of the senders' own counts: of the old device up to its end, of the new one from its
 * first packet that arrived.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { rtpengineMissing, stampTime, type PhoneCall } from '../src/testing/index.ts';
import type { Phone } from '../src/testing/phone.ts';
import { pause } from './lib/media-load.ts';
import { FlipLab } from './lib/flip-lab.ts';
import { table, type Row } from './lib/table.ts';

const { values: options } = parseArgs({
  options: {
    flips: { type: 'string', default: '200' },
    calls: { type: 'string', default: '100' },
    engines: { type: 'string', default: 'embedded,rtpengine' },
    modes: { type: 'string', default: 'pull,push,loaded' },
    json: { type: 'string' },
  },
});
const flips = Number(options.flips);
const others = Number(options.calls);
const list = (text: string) => text.split(',').filter((name) => name !== '');
const settlePackets = 12;
const interval = 20;
const beepMs = 250;

type Flip = {
  readonly lost: number;
  readonly gapMs: number;
  readonly ssrcChanges: number;
  readonly sequenceBreaks: number;
  readonly timestampBreaks: number;
  /** From the new device's answer to its first packet at the far party, and to its own first packet of that one. */
  readonly audioMs: number;
  readonly backMs: number;
};

type Figures = {
  readonly engine: string;
  readonly mode: string;
  readonly reinvites: number;
  readonly flips: readonly Flip[];
};

/** Has the call come to the device that `to` is; yields the new call and when it was answered. */
type Move = (old: PhoneCall, to: Phone) => Promise<{ readonly call: PhoneCall; readonly answeredAt: number }>;

const pull: Move = async (_old, to) => {
  const call = await to.invite('*33');
  await call.answered();
  return { call, answeredAt: stampTime() };
};

const push: Move = async (old, to) => {
  for (const digit of '*9') await old.info(digit);
  // People dial when they have heard the beep.
  await pause(beepMs);
  for (const digit of `${to.name}#`) await old.info(digit);
  const call = await to.incoming();
  await call.ring();
  const answeredAt = stampTime();
  await call.answer();
  return { call, answeredAt };
};

/** What the far party received around one flip. */
function judge(
  far: PhoneCall,
  from: number,
  moved: { readonly call: PhoneCall; readonly answeredAt: number },
  names: readonly [string, string],
): Flip {
  const { rtp } = far.media;
  const heard = rtp.analyse(from);
  const [oldName, newName] = names;
  const first = rtp.packets.slice(from).find((p) => p.who === newName);
  const back = moved.call.media.rtp.packets[0];
  return {
    lost:
      (heard.senders[oldName]?.lost ?? 0) + (heard.senders[newName]?.lost ?? 0) + Math.max(0, heard.missing),
    gapMs: heard.longestGapMs - Math.max(0, heard.longestSendGapMs - interval),
    ssrcChanges: heard.ssrcChanges,
    sequenceBreaks: heard.sequenceBreaks,
    timestampBreaks: heard.timestampBreaks,
    audioMs: Math.max(0, (first?.arrival ?? Number.NaN) - moved.answeredAt),
    backMs: Math.max(0, (back?.arrival ?? Number.NaN) - moved.answeredAt),
  };
}

async function measure(lab: FlipLab, engine: string, mode: string): Promise<Figures> {
  const stopOthers = await lab.background(mode === 'loaded' ? others : 0);
  const phones = {
    bob: await lab.phone('2001'),
    own: [await lab.phone('1001'), await lab.phone('1002')] as const,
  };
  try {
    const far = await phones.bob.invite('1001');
    let call = await phones.own[0].incoming();
    await call.answer();
    await far.answered();
    await far.media.rtp.hears(settlePackets, '1001');
    const done: Flip[] = [];
    const move = mode === 'push' ? push : pull;
    for (let i = 0; i < flips; i++) {
      const [before, after] = i % 2 === 0 ? phones.own : phones.own.toReversed();
      if (before === undefined || after === undefined) break;
      far.media.rtp.packets.length = 0;
      await far.media.rtp.hears(2, before.name);
      const moved = await move(call, after);
      await far.media.rtp.hears(settlePackets, after.name);
      await moved.call.media.rtp.hears(1, '2001');
      await call.ended();
      done.push(judge(far, 0, moved, [before.name, after.name]));
      ({ call } = moved);
    }
    const reinvites = far.reinvites.length;
    await far.hangup();
    return { engine, mode, reinvites, flips: done };
  } finally {
    for (const phone of [phones.bob, ...phones.own]) await phone.close();
    await stopOthers();
  }
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

const rowOf = ({ engine, mode, reinvites, flips: done }: Figures): Row => {
  const all = (figure: keyof Flip) => done.map((flip) => flip[figure]);
  const sum = (figure: keyof Flip) => all(figure).reduce((a, b) => a + b, 0);
  return {
    engine,
    flips: mode === 'loaded' ? `pull, ${others} calls` : mode,
    count: done.length,
    lost: sum('lost'),
    'gap p50': quantile(all('gapMs'), 0.5),
    'gap p99': quantile(all('gapMs'), 0.99),
    'gap max': quantile(all('gapMs'), 1),
    SSRC: sum('ssrcChanges'),
    'seq breaks': sum('sequenceBreaks'),
    'ts breaks': sum('timestampBreaks'),
    're-INVITEs': reinvites,
    'audio p50': quantile(all('audioMs'), 0.5),
    'audio p99': quantile(all('audioMs'), 0.99),
    'back p50': quantile(all('backMs'), 0.5),
    'back p99': quantile(all('backMs'), 0.99),
  };
};

const results: Figures[] = [];
for (const engine of list(options.engines)) {
  if (engine === 'rtpengine' && rtpengineMissing() !== undefined) {
    console.error('rtpengine is not installed: left out');
    continue;
  }
  const lab = await FlipLab.start(engine, list(options.modes).includes('loaded') ? others : 0);
  try {
    for (const mode of list(options.modes)) results.push(await measure(lab, engine, mode));
  } catch (error) {
    // A phone that waited in vain tells all that it saw: its first lines are enough.
    console.error(String(error).split('\n').slice(0, 3).join('\n'));
    process.exitCode = 1;
  } finally {
    await lab.stop();
  }
}
console.log(table(results.map(rowOf)));
console.log(`
Milliseconds. Gap: the longest between two packets at the far party, less what the senders were late; one packet comes
every ${interval} ms. Audio: from the answer of the new device to its first packet at the far party; back: to the far party's
first packet at the new device. Sequence breaks of rtpengine are those of its new SSRC.

Peers as they were measured on a machine of this size: Asterisk 20-32 ms gap, 0-2 SSRC changes, 2.0 s of silence while a pushed
device rings for 2 s; FreeSWITCH 85-97 ms gap and 3 packets lost; rtpengine driven directly 22 ms, 1 SSRC change each.`);
if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify(
      results.map((r) => ({ ...rowOf(r), each: r.flips })),
      null,
      2,
    )}\n`,
  );
process.exit();
