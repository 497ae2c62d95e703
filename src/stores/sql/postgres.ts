import { PostgresDialect } from 'kysely';
import { Pool, types } from 'pg';

const bigint = 20;

/**
 * Kysely's PostgreSQL dialect over a pool of connections. Nothing waits for ever: a server that is gone is told within
 * seconds, and a statement that hangs is given up. `lost` hears of connections that broke; the pool makes new ones.
 */
export function postgresDialect(url: string, lost: (error: Error) => void): PostgresDialect {
  const pool = new Pool({
    connectionString: url,
    application_name: 'flipswitch',
    max: 4,
    connectionTimeoutMillis: 3000,
    // The server's own limit comes first, so that as a rule it says what became of the statement.
    statement_timeout: 4000,
    query_timeout: 5000,
    idle_in_transaction_session_timeout: 10_000,
    keepAlive: true,
    // Times in milliseconds fit a number, which is what SQLite yields too.
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === bigint ? Number : types.getTypeParser(oid, format),
    },
  });
  // The pool listens to a connection only while it is idle, and tells it again; one that breaks in use would end the process.
  pool.on('connect', (client) => client.on('error', lost));
  pool.on('error', () => undefined);
  return new PostgresDialect({ pool });
}
