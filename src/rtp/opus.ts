import type { AudioDecoder, AudioEncoder } from './codec.ts';

type OpusRate = 8000 | 16_000 | 48_000;

/** Speech on a line that may lose packets: mono, in-band FEC for 5 % (RFC 7587 §3.1.1, §3.3). */
const SPEECH = Object.freeze({ bitrate: 32_000, complexity: 5, packetLossPercent: 5 });
/** Octets of the longest packet: 120 ms at the highest rate would be more, 20 ms of speech never is. */
const LONGEST_PACKET = 1275;
const LONGEST_FRAME_MS = 120;

/** Opus (RFC 6716) decoded straight to `sampleRate`, mono whatever the packet holds. */
export async function createOpusDecoder(sampleRate: OpusRate): Promise<AudioDecoder> {
  // Loaded when a call needs it: the module is large, and most calls are relayed as they are.
  const libopus = await import('libopus-wasm');
  const maxFrameSize = (sampleRate / 1000) * LONGEST_FRAME_MS;
  const opus = await libopus.createDecoder({ sampleRate, channels: 1, maxFrameSize });
  return {
    sampleRate,
    decode(payload, pcm) {
      try {
        const samples = opus.decode(payload);
        const count = Math.min(samples.length, pcm.length);
        pcm.set(count === samples.length ? samples : samples.subarray(0, count));
        return count;
      } catch {
        return 0; // not an Opus packet
      }
    },
    conceal(pcm) {
      try {
        pcm.set(opus.decodePacketLoss(pcm.length).subarray(0, pcm.length));
      } catch {
        pcm.fill(0); // a length that Opus has no frames for
      }
    },
    free: () => opus.free(),
  };
}

/** Speech of `sampleRate` as Opus; frames are 2.5, 5, 10, 20, 40 or 60 ms, others encode to nothing. */
export async function createOpusEncoder(sampleRate: OpusRate): Promise<AudioEncoder> {
  const libopus = await import('libopus-wasm');
  const { Application, Signal } = libopus;
  const voice = { application: Application.Voip, signal: Signal.Voice, fec: true };
  const opus = await libopus.createEncoder({ sampleRate, channels: 1, ...voice, ...SPEECH });
  const options = { frameSize: 0, maxPacketBytes: LONGEST_PACKET };
  return {
    sampleRate,
    encode(pcm, payload) {
      options.frameSize = pcm.length;
      try {
        const packet = opus.encode(pcm, options);
        if (packet.length > payload.length) return 0;
        payload.set(packet);
        return packet.length;
      } catch {
        return 0;
      }
    },
    free: () => opus.free(),
  };
}
