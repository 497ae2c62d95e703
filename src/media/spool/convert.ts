import { createReadStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { WavWriter } from '../../rtp/index.ts';
import { RECORDING_RATE } from '../links/recorded-track.ts';
import { SpoolMix } from './mix.ts';
import type { TimedNote } from './notes.ts';
import { PcapReader } from './pcap.ts';

export type Conversion = {
  /** In the order in which they were begun. */
  readonly pcaps: readonly string[];
  readonly notes: readonly TimedNote[];
  /** The WAV file to make; it is there only once it is whole. */
  readonly file: string;
};

export type Converted = { readonly used: number; readonly skipped: number; readonly damaged: boolean };

const PIECE = 64 * 1024;

/** Makes one stereo WAV of what another engine recorded of a call. Rejects where a file cannot be read or written. */
export async function convertRecording({ pcaps, notes, file }: Conversion): Promise<Converted> {
  const part = `${file}.part`;
  let failure: Error | undefined;
  const writer = WavWriter.over(await open(part, 'w'), {
    sampleRate: RECORDING_RATE,
    channels: 2,
    onError: (error) => (failure = error),
  });
  const mix = new SpoolMix(writer, notes);
  let damaged = false;
  for (const path of pcaps) {
    const reader = new PcapReader();
    for await (const piece of createReadStream(path, { highWaterMark: PIECE })) {
      for (const packet of reader.read(piece as Buffer)) await mix.take(packet);
      // A disk is slower than this loop; a recording must not lose what it has all the time for.
      await writer.settled;
    }
    damaged ||= reader.damaged;
  }
  await mix.close();
  if (failure !== undefined) throw failure;
  await rename(part, file);
  return { used: mix.used, skipped: mix.skipped, damaged };
}
