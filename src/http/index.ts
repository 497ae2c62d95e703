export { Metrics } from './metrics.ts';
export { startHttp, type Health, type HttpLimits, type HttpServer } from './server.ts';
