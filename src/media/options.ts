import type { DatagramChoice } from '../net/index.ts';

/** How to run the media engine. */
export type MediaEngineOptions = {
  /** Where ng commands arrive over UDP; port 0 takes any free one. */
  readonly listen: { readonly address: string; readonly port: number };
  /** The same over TCP and over WebSocket (sub-protocol `ng.rtpengine.com`), where they are wanted. */
  readonly listenTcp?: { readonly address: string; readonly port: number };
  readonly listenWebSocket?: { readonly address: string; readonly port: number };
  /** The addresses that media ports are bound on; at least one. */
  readonly addresses: { readonly IP4?: string; readonly IP6?: string };
  /** What session descriptions say in their place, for a relay behind a NAT. */
  readonly advertise?: { readonly IP4?: string; readonly IP6?: string };
  /** The first and last media port, both included. */
  readonly ports: readonly [first: number, last: number];
  /** Where telephone events and what happens to calls are announced as JSON over UDP. */
  readonly dtmfLog?: { readonly address: string; readonly port: number };
  /** How many threads move packets; at least 1. */
  readonly threads: number;
  /** How long a party that should send may be silent before that is announced; 20 s where it is left out. */
  readonly mediaTimeoutMs?: number;
  /** What carries the packets; `auto` where it is left out. */
  readonly io?: DatagramChoice;
  /** Where recordings are written; without it a recording is refused. */
  readonly recordingDirectory?: string;
};
