import { sequenceAhead, timestampAhead } from '../rtp/index.ts';

/** One RTP packet as it arrived. Times are milliseconds of `stampTime()`. */
export type ReceivedRtp = {
  readonly arrival: number;
  /** "address:port" it came from. */
  readonly from: string;
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly payload: Buffer;
  /** From the stamp in the payload; undefined if it has none (tones, transcoded audio). */
  readonly who: string | undefined;
  readonly count: number | undefined;
  readonly sentAt: number | undefined;
};

export type SenderAnalysis = {
  readonly packets: number;
  readonly first: number;
  readonly last: number;
  /** Counts between first and last that never came. */
  readonly lost: number;
  readonly doubled: number;
  /** Packets that came after one with a higher count. */
  readonly disordered: number;
  /** Arrival less sending, milliseconds: median and largest. */
  readonly delayMs: { readonly p50: number; readonly max: number };
};

export type RtpAnalysis = {
  readonly packets: number;
  readonly ssrcs: readonly number[];
  readonly ssrcChanges: number;
  /** Steps of the sequence number other than one, within one SSRC. */
  readonly sequenceBreaks: number;
  /** Sequence numbers that never came, within one SSRC. */
  readonly missing: number;
  readonly doubled: number;
  /** Steps back of the sequence number. */
  readonly disordered: number;
  /** Steps of the timestamp that are not forward, or exceed what the sequence number tells by more than a packet. */
  readonly timestampBreaks: number;
  /** The largest step of the timestamp between packets in sequence, in its units. */
  readonly largestTimestampStep: number;
  /** Longest time between two arrivals, milliseconds. */
  readonly longestGapMs: number;
  /** Longest time between the sending of two packets of one sender that arrived in a row: what of the gap is not ours. */
  readonly longestSendGapMs: number;
  /** Who spoke, in turns: ['a', 'b'] is one clean handover; a packet without a stamp counts as '?'. */
  readonly speakers: readonly string[];
  readonly senders: Readonly<Record<string, SenderAnalysis>>;
};

/** The step of the timestamp from packet to packet (160 for 20 ms at 8 kHz), and what is no audio. */
export type RtpExpectation = { readonly samplesPerPacket?: number; readonly eventPayloadType?: number };

/**
 * What a receiver got, in figures. Sequence numbers are looked at over all packets; timestamps, gaps and speakers over
 * audio only, since those of telephone events stand still by design (RFC 4733 §2.5.1.2).
 */
export function analyseRtp(packets: readonly ReceivedRtp[], expected: RtpExpectation = {}): RtpAnalysis {
  const audio = packets.filter((p) => p.payloadType !== expected.eventPayloadType);
  return {
    packets: audio.length,
    ssrcs: [...new Set(packets.map((p) => p.ssrc))],
    ...sequences(packets),
    ...timestamps(audio, expected.samplesPerPacket ?? 160),
    ...gaps(audio),
    speakers: turns(audio),
    senders: senders(audio),
  };
}

function sequences(packets: readonly ReceivedRtp[]) {
  const found = { ssrcChanges: 0, sequenceBreaks: 0, missing: 0, doubled: 0, disordered: 0 };
  const seen = new Set<string>();
  let highest = packets[0]?.sequence ?? 0;
  for (const [i, packet] of packets.entries()) {
    const before = packets[i - 1];
    const key = `${packet.ssrc}/${packet.sequence}/${packet.timestamp}/${packet.payloadType}`;
    const again = seen.has(key);
    seen.add(key);
    if (before === undefined || before.ssrc !== packet.ssrc) {
      if (before !== undefined) found.ssrcChanges += 1;
      highest = packet.sequence;
      continue;
    }
    if (again) found.doubled += 1;
    if (sequenceAhead(before.sequence, packet.sequence) !== 1) found.sequenceBreaks += 1;
    const ahead = sequenceAhead(highest, packet.sequence);
    if (ahead < 0) found.disordered += 1;
    if (ahead < 0 && !again) found.missing -= 1;
    if (ahead > 0) {
      found.missing += ahead - 1;
      highest = packet.sequence;
    }
  }
  return found;
}

function timestamps(packets: readonly ReceivedRtp[], samples: number) {
  let timestampBreaks = 0;
  let largestTimestampStep = 0;
  for (const [i, packet] of packets.entries()) {
    const before = packets[i - 1];
    if (before === undefined || before.ssrc !== packet.ssrc) continue;
    const step = sequenceAhead(before.sequence, packet.sequence);
    if (step <= 0) continue;
    const advance = timestampAhead(before.timestamp, packet.timestamp);
    if (advance <= 0 || advance > (step + 1) * samples) timestampBreaks += 1;
    if (step === 1) largestTimestampStep = Math.max(largestTimestampStep, advance);
  }
  return { timestampBreaks, largestTimestampStep };
}

function gaps(packets: readonly ReceivedRtp[]) {
  let longestGapMs = 0;
  let longestSendGapMs = 0;
  for (const [i, packet] of packets.entries()) {
    const before = packets[i - 1];
    if (before === undefined) continue;
    longestGapMs = Math.max(longestGapMs, packet.arrival - before.arrival);
    if (packet.sentAt === undefined || before.sentAt === undefined || packet.who !== before.who) continue;
    longestSendGapMs = Math.max(longestSendGapMs, packet.sentAt - before.sentAt);
  }
  return { longestGapMs, longestSendGapMs };
}

function turns(packets: readonly ReceivedRtp[]): string[] {
  const speakers: string[] = [];
  for (const packet of packets) {
    const who = packet.who ?? '?';
    if (speakers.at(-1) !== who) speakers.push(who);
  }
  return speakers;
}

function senders(packets: readonly ReceivedRtp[]): Record<string, SenderAnalysis> {
  const bySender = new Map<string, ReceivedRtp[]>();
  for (const packet of packets) {
    if (packet.who === undefined) continue;
    const list = bySender.get(packet.who);
    if (list) list.push(packet);
    else bySender.set(packet.who, [packet]);
  }
  return Object.fromEntries([...bySender].map(([name, list]) => [name, senderAnalysis(list)]));
}

function senderAnalysis(packets: readonly ReceivedRtp[]): SenderAnalysis {
  const counts = packets.map((p) => p.count ?? 0);
  const different = new Set(counts).size;
  const first = counts.reduce((a, b) => Math.min(a, b), Infinity);
  const last = counts.reduce((a, b) => Math.max(a, b), 0);
  let highest = -1;
  let disordered = 0;
  for (const count of counts) {
    if (count < highest) disordered += 1;
    highest = Math.max(highest, count);
  }
  const delays = packets.map((p) => p.arrival - (p.sentAt ?? p.arrival)).sort((a, b) => a - b);
  return {
    packets: packets.length,
    first,
    last,
    lost: last - first + 1 - different,
    doubled: packets.length - different,
    disordered,
    delayMs: { p50: delays[delays.length >> 1] ?? 0, max: delays.at(-1) ?? 0 },
  };
}
