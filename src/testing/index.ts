export { VirtualClock } from './virtual-clock.ts';
export { RtpEndpoint, sdpAddress, type RtpAddress, type RtpEndpointOptions } from './rtp-endpoint.ts';
export {
  analyseRtp,
  type ReceivedRtp,
  type RtpAnalysis,
  type RtpExpectation,
  type SenderAnalysis,
} from './rtp-analysis.ts';
export { readStamp, stampTime, writeStamp, type RtpStamp } from './rtp-stamp.ts';
export { needRtpengine, Rtpengine, rtpengineMissing, type RtpengineOptions } from './rtpengine.ts';
export { Phone, type PhoneBehaviour, type PhoneOptions, type RegisterOptions } from './phone.ts';
export {
  PhoneCall,
  type AnswerOptions,
  type InviteOptions,
  type PhoneCallState,
  type PhoneField,
} from './phone-call.ts';
export type { Recorded } from './phone-exchange.ts';
export type { PhoneCodec, PhoneDirection } from './phone-sdp.ts';
export { seededRandom, SipAgent, type AgentRequest } from './sip-agent.ts';
export { SipNetwork, type Passing } from './sip-network.ts';
export { Baresip, baresipMissing, needBaresip, type BaresipEvent, type BaresipOptions } from './baresip.ts';
export { Linphone, linphoneMissing, needLinphone, type LinphoneOptions } from './linphone.ts';
export { needSipp, Sipp, sippMissing, type SippOptions } from './sipp.ts';
export { needPostgres, Postgres } from './postgres.ts';
export { RtpCrypto } from './rtp-crypto.ts';
