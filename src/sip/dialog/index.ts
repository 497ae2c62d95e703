export { defaultUserAgentLimits } from './context.ts';
export { glareDelay } from './glare.ts';
export { createUserAgentCore } from './user-agent-core.ts';
export type * from './types.ts';
