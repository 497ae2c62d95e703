export { Metrics } from './metrics.ts';
export type { Backup } from './routes/backup.ts';
export { startHttp, type Health, type HttpLimits, type HttpServer } from './server.ts';
