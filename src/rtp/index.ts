export {
  buildRtp,
  packetKind,
  parseRtp,
  readUint32,
  RTP_HEADER_LENGTH,
  rtpHeaderLength,
  rtpMarker,
  rtpPayloadEnd,
  rtpPayloadType,
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
  sequenceAhead,
  srtpHeaderLength,
  setRtpMarker,
  setRtpPayloadType,
  setRtpSequence,
  setRtpSsrc,
  setRtpTimestamp,
  timestampAhead,
  writeRtpHeader,
  writeUint32,
  type PacketKind,
  type RtpHeader,
  type RtpPacket,
} from './packet.ts';
export {
  ntpMiddle,
  ntpTime,
  parseRtcp,
  printRtcp,
  roundTrip,
  type RtcpPacket,
  type RtcpReportBlock,
  type RtcpSenderInfo,
} from './rtcp.ts';
export { ReceptionStatistics, type Reception } from './reception.ts';
export { estimateMos, mosOfRating, type StreamQuality } from './quality.ts';
export {
  digitEvent,
  eventDigit,
  TELEPHONE_EVENT_LENGTH,
  TelephoneEventDetector,
  TelephoneEventGenerator,
  type TelephoneEventListener,
  type TelephoneEventPlan,
} from './telephone-event.ts';
export { ALAW_SILENCE, g711Decode, g711Encode, ULAW_SILENCE, type G711Law } from './g711.ts';
export { goertzelPower, meanSquare } from './goertzel.ts';
export {
  parseTone,
  parseTonePlan,
  TONE_NAMES,
  ToneGenerator,
  type Tone,
  type ToneName,
  type TonePlan,
  type ToneSegment,
} from './tone.ts';
export { DtmfDetector, type DtmfListener } from './dtmf-detector.ts';
export { parseWav, printWav, WAV_HEADER_LENGTH, wavHeader, wavMono, type WavSound } from './wav.ts';
export { WavWriter, type WavFile, type WavWriterOptions } from './wav-writer.ts';
export {
  canTranscode,
  codecSampleRate,
  createDecoder,
  createEncoder,
  type AudioDecoder,
  type AudioEncoder,
  type CodecName,
} from './codec.ts';
export { PacketLossConcealer } from './concealment.ts';
export { ComfortNoiseGenerator, comfortNoiseLevel } from './comfort-noise.ts';
export { Resampler } from './resampler.ts';
export {
  isSrtpSuite,
  SRTP_SUITES,
  type SrtpMaster,
  type SrtpSuite,
  type SrtpSuiteProfile,
} from './srtp-suite.ts';
export {
  SRTP_FAILED,
  SRTP_OVERHEAD,
  SRTP_REPLAYED,
  SrtpReceiver,
  SrtpSender,
  type SrtpStream,
} from './srtp.ts';
export { parseCrypto, printCrypto, type SdesCrypto } from './sdes.ts';
export {
  parseStun,
  printStun,
  STUN_ATTRIBUTE,
  stunAttribute,
  stunMappedAddress,
  verifyStun,
  xorMappedAddress,
  type StunAttribute,
  type StunClass,
  type StunMessage,
  type TransportAddress,
} from './stun.ts';
