export type {
  CSeq,
  HeaderField,
  Headers,
  NameAddress,
  Parameters,
  ParseFailure,
  ParseResult,
  SipMessage,
  SipRequest,
  SipResponse,
  SipUri,
  Via,
} from './types.ts';
export { parseNameAddress, printNameAddress } from './address.ts';
export { StreamFramer, type FramerEvent } from './framer.ts';
export { createHeaders } from './headers.ts';
export { isIPv4, isIPv6 } from './ip.ts';
export { defaultMessageLimits, type MessageLimits } from './limits.ts';
export {
  branch,
  callId,
  contact,
  createRequest,
  createResponse,
  cseq,
  from,
  fromTag,
  requestUri,
  setToTag,
  spellOut,
  to,
  toTag,
  topVia,
} from './message.ts';
export { canonicalName, headerKey, isToken, knownName, usualName } from './names.ts';
export { parseParameters, printParameters, quote, unquote } from './parameters.ts';
export { parseHeaders, parseMessage } from './parse.ts';
export { printHead, printMessage } from './print.ts';
export { splitList } from './split.ts';
export { reasonPhrase } from './status.ts';
export {
  bracketHost,
  escapeUser,
  parseHostPort,
  parseUri,
  printUri,
  sameUri,
  unescapeUri,
  uriScheme,
} from './uri.ts';
export { parseCSeq, parseVia, printVia } from './via.ts';
