/** How a codec bears loss (ITU-T G.113 Appendix I): equipment impairment and robustness to random loss. */
export type CodecImpairment = { readonly ie: number; readonly bpl: number };

const IMPAIRMENTS: Readonly<Record<string, CodecImpairment>> = Object.freeze({
  PCMU: { ie: 0, bpl: 25.1 },
  PCMA: { ie: 0, bpl: 25.1 },
  G722: { ie: 0, bpl: 25.1 },
  L16: { ie: 0, bpl: 25.1 },
  OPUS: { ie: 0, bpl: 30 },
  G729: { ie: 11, bpl: 19 },
});
const DEFAULT_IMPAIRMENT: CodecImpairment = { ie: 5, bpl: 16 };

export type StreamQuality = {
  /** 0 to 100. */
  readonly lossPercent: number;
  readonly jitterMs: number;
  readonly roundTripMs: number;
  /** Encoding name, any case. */
  readonly codec: string;
};

/**
 * Mean opinion score, 1 to 4.5, by the E-model of ITU-T G.107 with its default values, reduced to what RTCP tells:
 * delay (half the round trip, a jitter buffer of twice the jitter, 20 ms of packet) and random loss.
 */
export function estimateMos(quality: StreamQuality): number {
  const { ie, bpl } = IMPAIRMENTS[quality.codec.toUpperCase()] ?? DEFAULT_IMPAIRMENT;
  const delay = Math.max(0, quality.roundTripMs) / 2 + 2 * Math.max(0, quality.jitterMs) + 20;
  const loss = Math.max(0, Math.min(100, quality.lossPercent));
  const delayImpairment = 0.024 * delay + (delay > 177.3 ? 0.11 * (delay - 177.3) : 0);
  const lossImpairment = ie + ((95 - ie) * loss) / (loss + bpl);
  return mosOfRating(93.2 - delayImpairment - lossImpairment);
}

/** ITU-T G.107 Annex B: MOS of a transmission rating R. */
export function mosOfRating(rating: number): number {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  const mos = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6;
  return Math.max(1, mos);
}
