export { Metrics, type MetricSources } from './metrics.ts';
export { startHttp, type Health, type HttpLimits, type HttpOptions, type HttpServer } from './server.ts';
