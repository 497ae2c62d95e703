export { Admission, type AdmissionOptions } from './admission.ts';
export { systemClock, type Clock, type Timer } from './clock.ts';
export { createLogger, type LogOptions } from './create-logger.ts';
export { Emitter } from './emitter.ts';
export { loopLoad } from './loop-load.ts';
export { silentLogger, type Logger } from './logger.ts';
export { systemRandom, type Random } from './random.ts';
export { SourceRate } from './source-rate.ts';
export { TimerWheel, type TimerWheelOptions } from './timer-wheel.ts';
