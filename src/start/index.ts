export { StartFailure } from './failure.ts';
export { run, type Running } from './run.ts';
