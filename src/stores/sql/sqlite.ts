import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import type { Answer, Question, Result, Statement } from './sqlite-messages.ts';

/**
 * Kysely's SQLite dialect over Node's own SQLite, on a thread of its own: statements wait for the disk, and calls cannot.
 * The file is opened with the first statement, which is rejected when it cannot be opened or is no database.
 */
export function sqliteDialect(file: string): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(file),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

type Waiting = { readonly resolve: (result: Result) => void; readonly reject: (error: Error) => void };

/** The thread that has the file open. One that died is not begun anew: its transaction would go on half. */
class SqliteThread implements DatabaseConnection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #last = 0;
  #dead: Error | undefined;

  constructor(file: string) {
    this.#worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
      name: 'database',
      workerData: file,
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.on('error', (error) => this.#died(error));
    this.#gone = new Promise((resolve) =>
      this.#worker.once('exit', () => {
        this.#died();
        resolve();
      }),
    );
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes, insertId } = await this.#ask({ sql, parameters });
    return {
      rows: rows as R[],
      ...(changes === undefined ? {} : { numAffectedRows: changes }),
      ...(insertId === undefined ? {} : { insertId }),
    };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  async close(): Promise<void> {
    this.#worker.ref();
    this.#tell('close');
    await this.#gone;
  }

  #ask(statement: Statement): Promise<Result> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#last;
    // Nothing else may keep the process alive until the answer is there.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#tell({ id, ...statement });
    });
  }

  #tell(question: Question): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(question);
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('result' in answer) return waiting?.resolve(answer.result);
    const { message, ...more } = answer.fault;
    return waiting?.reject(Object.assign(new Error(message), more));
  }

  #died(why?: Error): void {
    this.#dead ??= new Error(`the database's thread has ended${why === undefined ? '' : `: ${why.message}`}`);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}

/** One connection: kysely lets nobody else at it while a transaction has it. */
class SqliteDriver implements Driver {
  readonly #file: string;
  #thread: SqliteThread | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return (this.#thread ??= new SqliteThread(this.#file));
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#thread?.close();
  }
}
