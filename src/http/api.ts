import type { SwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { ApiParts } from './api-parts.ts';
import { backupRoutes } from './routes/backup.ts';
import { bindingRoutes } from './routes/bindings.ts';
import { callRoutes } from './routes/calls.ts';
import { coldRouteRoutes } from './routes/cold-routes.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { explainRoutes } from './routes/explain.ts';
import { auditRoutes, recordRoutes } from './routes/records.ts';
import { mailboxRoutes } from './routes/mailboxes.ts';
import { policyRoutes } from './routes/policies.ts';
import { profileRoutes } from './routes/profiles.ts';
import { reportRoutes } from './routes/reports.ts';
import { groupRoutes } from './routes/groups.ts';
import { numberRoutes } from './routes/numbers.ts';
import { trunkRoutes } from './routes/trunks.ts';
import { ruleRoutes } from './routes/rules.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { templateRoutes } from './routes/templates.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { userRoutes } from './routes/users.ts';
import { authenticate, type AuthenticationParts } from './who.ts';

/** How `openapi.json` begins; the rest comes from the routes. */
export const openApi: SwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Flipswitch',
      version: '1',
      description:
        'Live calls and their devices. Times are milliseconds since 1970; errors are RFC 9457 problems.',
    },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }],
  },
  refResolver: {
    buildLocalReference: (json, _base, _fragment, i) =>
      typeof json.$id === 'string' ? json.$id : `def-${i}`,
  },
};

/** Everything under `/api/v1`. */
export function api(server: FastifyInstance, parts: ApiParts & AuthenticationParts): void {
  server.addHook('onRequest', (request, reply) => authenticate(parts, request, reply));
  server.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  server.get('/openapi.json', { config: { open: true }, schema: { hide: true } }, () => server.swagger());
  sessionRoutes(server, parts);
  callRoutes(server, parts);
  userRoutes(server, parts);
  groupRoutes(server, parts);
  numberRoutes(server, parts);
  trunkRoutes(server, parts);
  deviceRoutes(server, parts);
  bindingRoutes(server, parts);
  coldRouteRoutes(server, parts);
  ruleRoutes(server, parts);
  templateRoutes(server, parts);
  profileRoutes(server, parts);
  scheduleRoutes(server, parts);
  policyRoutes(server, parts);
  explainRoutes(server, parts);
  recordRoutes(server, parts);
  auditRoutes(server, parts);
  mailboxRoutes(server, parts);
  reportRoutes(server, parts);
  eventRoutes(server, parts);
  backupRoutes(server, parts);
}
