export { runMediaEngine, startMediaEngine, type MediaEngine } from './engine.ts';
export type { MediaEngineOptions } from './options.ts';
export { RtpInlets } from './inlet/rtp-inlet.ts';
export { Spool, type SpoolOptions } from './spool/spool.ts';
