import { ngText, type NgDictionary } from '../../ng/index.ts';
import type { Call } from '../relay/call.ts';
import type { QualitySample } from '../links/reports.ts';
import type { Endpoint, Latch } from '../relay/latch.ts';
import type { Party } from '../relay/party.ts';
import type { Relay } from '../relay/relay.ts';
import type { Counters, Stream } from '../relay/stream.ts';
import { needCall, Refusal } from './refusal.ts';

const seconds = (wall: number) => Math.floor(wall / 1000);
const micros = (wall: number) => Math.floor((wall % 1000) * 1000);

/** What is known of a call: its parties, their streams and counters, and the quality of what was received. */
export function query(relay: Relay, request: NgDictionary): NgDictionary {
  const call = needCall(relay, request);
  const fromTag = ngText(request, 'from-tag');
  const party = fromTag === undefined ? undefined : call.byTag(fromTag);
  if (fromTag !== undefined && party === undefined)
    throw new Refusal('From-tag given, but no such tag exists');
  return describeCall(call);
}

export function describeCall(call: Call): NgDictionary {
  const tags: Record<string, NgDictionary> = {};
  for (const party of call.parties)
    tags[party.tag ?? `(${party.viaBranch ?? 'unnamed'})`] = describeParty(party);
  const streams = call.parties.flatMap((p) => p.streams);
  return {
    created: seconds(call.created),
    created_us: micros(call.created),
    'last signal': seconds(call.lastSignal),
    SSRC: quality(streams),
    turns: call.turns.map(({ gapMs, ...turn }) => ({
      ...turn,
      at: seconds(turn.at),
      gap_us: Math.round(gapMs * 1000),
    })),
    ...(call.recording === undefined ? {} : { recording: call.recording.path }),
    tags,
    totals: {
      RTP: total(streams.map((s) => s.received)),
      RTCP: total(streams.map((s) => s.receivedRtcp)),
    },
  };
}

/** By the SSRC that each party sends: loss and MOS as rtpengine has them, MOS times ten, times in microseconds. */
function quality(streams: readonly Stream[]): NgDictionary {
  const found: Record<string, NgDictionary> = {};
  for (const { reception, reports } of streams) {
    const { samples } = reports;
    if (reception.received === 0) continue;
    const loss = { 'cumulative loss': Math.max(0, reception.lost), received: reception.received };
    if (samples.length === 0) {
      found[String(reception.ssrc)] = loss;
      continue;
    }
    const sorted = [...samples].sort((a, b) => a.mos - b.mos);
    const mean = (pick: (s: QualitySample) => number) =>
      samples.reduce((sum, s) => sum + pick(s), 0) / samples.length;
    const average = {
      mos: mean((s) => s.mos),
      roundTripMs: mean((s) => s.roundTripMs),
      jitterMs: mean((s) => s.jitterMs),
      lossPercent: mean((s) => s.lossPercent),
      at: samples[0]!.at,
    };
    found[String(reception.ssrc)] = {
      ...loss,
      'average MOS': { ...sampleOf(average), samples: samples.length },
      'lowest MOS': { ...sampleOf(sorted[0]!), 'reported at': seconds(sorted[0]!.at) },
      'highest MOS': { ...sampleOf(sorted.at(-1)!), 'reported at': seconds(sorted.at(-1)!.at) },
      'MOS progression': {
        interval: 5,
        entries: samples.map((s) => ({ ...sampleOf(s), 'reported at': seconds(s.at) })),
      },
    };
  }
  return found;
}

const sampleOf = (sample: QualitySample): NgDictionary => ({
  MOS: Math.round(sample.mos * 10),
  'round-trip time': Math.round(sample.roundTripMs * 1000),
  'round-trip time leg': Math.round(sample.roundTripMs * 1000),
  jitter: Math.round(sample.jitterMs),
  'packet loss': Math.round(sample.lossPercent),
});

const total = (counters: readonly Counters[]): NgDictionary => ({
  packets: counters.reduce((sum, c) => sum + c.packets, 0),
  bytes: counters.reduce((sum, c) => sum + c.bytes, 0),
  errors: counters.reduce((sum, c) => sum + c.errors, 0),
});

function describeParty(party: Party): NgDictionary {
  return {
    tag: party.tag ?? '',
    ...(party.viaBranch === undefined ? {} : { 'via-branch': party.viaBranch }),
    ...(party.label === undefined ? {} : { label: party.label }),
    created: seconds(party.created),
    subscriptions: [
      ...party.peers.map((p) => ({ tag: p.tag ?? '', type: 'offer/answer' })),
      ...party.subscriptions.map((p) => ({ tag: p.tag ?? '', type: 'pub/sub' })),
    ],
    subscribers: [
      ...party.peers.map((p) => ({ tag: p.tag ?? '', type: 'offer/answer' })),
      ...party.call.parties
        .filter((p) => p.subscriptions.includes(party))
        .map((p) => ({ tag: p.tag ?? '', type: 'pub/sub' })),
    ],
    medias: party.streams.map(describeStream),
  };
}

function describeStream(stream: Stream): NgDictionary {
  const codec = stream.codecReceived;
  return {
    index: stream.index + 1,
    type: stream.kind,
    protocol: stream.protocol,
    ...(codec === undefined || codec.name === '' ? {} : { codec: codec.name }),
    streams: stream.ports === undefined ? [] : [describePort(stream, 'RTP'), describePort(stream, 'RTCP')],
    flags: flagsOfStream(stream),
    direction: stream.direction,
    // What the party sends; by this its quality is found above.
    'ingress SSRCs': stream.reception.received === 0 ? [] : [{ SSRC: stream.reception.ssrc }],
    'crypto suite': stream.security?.suite ?? '',
    far: {
      'packet loss': Math.round(stream.reports.farLossPercent),
      jitter: Math.round(stream.reports.farJitterMs),
      'round-trip time': Math.round(stream.reports.roundTripMs * 1000),
    },
    ...sinceConnected(stream),
    hears: stream.outlet.current?.source.party.tag ?? '',
    awaits: stream.outlet.next?.source.party.tag ?? '',
  };
}

/** How long after it was connected the first packet came from the party, and the first one went to it. */
function sinceConnected({ connectedAt, heardAt, outlet: { firstAt } }: Stream): NgDictionary {
  const since = (at: number) => Math.round((at - connectedAt) * 1000);
  return {
    ...(heardAt === 0 ? {} : { heard_us: since(heardAt) }),
    ...(firstAt === 0 ? {} : { hears_us: since(firstAt) }),
  };
}

const flagsOfStream = (stream: Stream): string[] => [
  'initialized',
  ...(stream.rejected ? [] : ['send', 'recv']),
  ...(stream.muxed ? ['rtcp-mux'] : []),
  ...(stream.timedOut ? ['media timeout'] : []),
];

function describePort(stream: Stream, which: 'RTP' | 'RTCP'): NgDictionary {
  const rtp = which === 'RTP';
  const socket = rtp ? stream.ports!.rtp : stream.ports!.rtcp;
  const latch = rtp ? stream.rtp : stream.rtcp;
  const latched: Endpoint | undefined =
    latch.address === undefined ? undefined : { address: latch.address, port: latch.port };
  return {
    'local port': socket.port,
    'local address': socket.address,
    family: socket.family,
    endpoint: endpoint(latched),
    'advertised endpoint': endpoint(latch.advertised),
    'last packet': seconds(stream.lastPacket),
    flags: flagsOf(which, latch),
    stats: { ...(rtp ? stream.received : stream.receivedRtcp) },
    ...(rtp
      ? { stats_out: { ...stream.outlet.sent }, SSRC: stream.outlet.egress.ssrc, refused: latch.refused }
      : {}),
  };
}

const flagsOf = (which: string, latch: Latch): string[] => [
  which,
  ...(latch.advertised === undefined ? [] : ['filled']),
  ...(latch.latched ? ['confirmed'] : []),
];

const endpoint = (of: Endpoint | undefined): NgDictionary => ({
  family: of?.address.includes(':') === true ? 'IPv6' : 'IPv4',
  address: of?.address ?? '0.0.0.0',
  port: of?.port ?? 0,
});
