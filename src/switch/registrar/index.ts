export {
  Authenticator,
  type AuthenticationPolicy,
  type AuthenticationResult,
  type AuthenticatorOptions,
  type CallerResult,
  type Refusal,
} from './authenticator.ts';
export { Nonces, type NonceOptions } from './nonces.ts';
export { RegisterOverload } from './overload.ts';
export { PhonePinger, type PhonePingerOptions } from './phone-pinger.ts';
export { deliveryFailed, onePerPhone, samePhone } from './reach.ts';
export { Registrar, type RegisterAnswer, type RegistrarOptions, type RegistrarPolicy } from './registrar.ts';
export { uriParts, type UriParts } from './header-values.ts';
export { flowOf, type SipRequest, type SipResponse } from './request.ts';
export { routeTo, type Route } from './route-to.ts';
export { answerTo, readRequest, type SrfExchange } from './srf-exchange.ts';
export { SourceGuard, type SourceGuardOptions } from './source-guard.ts';
