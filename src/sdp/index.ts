export {
  attribute,
  attributeName,
  attributes,
  connectionOf,
  directionOf,
  hasRtcpMux,
  isHeld,
  isNullAddress,
  parseAddress,
  receives,
  rtcpPortOf,
  sends,
  type SdpAddress,
  type SdpDirection,
} from './attributes.ts';
export {
  codecLines,
  codecNamed,
  codecsOf,
  isComfortNoise,
  isTelephoneEvent,
  packetTimeOf,
  sameCodec,
  staticPayloadType,
  type SdpCodec,
} from './codecs.ts';
export { parseSdp, printSdp, type Sdp, type SdpLine, type SdpMedia } from './document.ts';
export { plainAudio } from './plain-audio.ts';
export { withConnection, withDirection, withoutAttributes, withPort, withVersion } from './rewrite.ts';
