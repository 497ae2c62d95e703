import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Question, Result, Statement } from './sqlite-messages.ts';

/** The entry of the thread that has an SQLite file open, and carries out one statement after the other. */
const port = parentPort!;

/** Statements that were prepared lately; the same few come again and again. */
const keptStatements = 200;

type Prepared = {
  /** Statements that yield rows have columns. */
  readonly reader: boolean;
  readonly all: (...values: SQLInputValue[]) => unknown[];
  readonly run: (...values: SQLInputValue[]) => {
    readonly changes: number | bigint;
    readonly lastInsertRowid: number | bigint;
  };
};

const prepared = new Map<string, Prepared>();
let database: DatabaseSync | undefined;

function open(file: string): DatabaseSync {
  // It holds what is kept of passwords: a new one is its owner's alone, and SQLite makes its other files like it.
  closeSync(openSync(file, 'a', 0o600));
  const opened = new DatabaseSync(file);
  try {
    // WAL survives the death of the process at any point; NORMAL leaves the disk to flush in its own time. A locked file
    // is waited for shortly only: who writes has to be ready to try again.
    opened.exec('PRAGMA busy_timeout = 50; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  } catch (error) {
    opened.close();
    throw error;
  }
  return opened;
}

function statementOf(sql: string): Prepared {
  const known = prepared.get(sql);
  if (known !== undefined) return known;
  database ??= open(workerData as string);
  const statement = database.prepare(sql);
  const made: Prepared = {
    reader: statement.columns().length > 0,
    all: (...values) => statement.all(...values),
    run: (...values) => statement.run(...values),
  };
  if (prepared.size >= keptStatements) prepared.clear();
  prepared.set(sql, made);
  return made;
}

function execute({ sql, parameters }: Statement): Result {
  const values = parameters as SQLInputValue[];
  const statement = statementOf(sql);
  if (statement.reader) return { rows: statement.all(...values) };
  // A full disk has rolled back by itself; what went wrong is to be told, and not that there is nothing left to do.
  if (sql === 'rollback' && database?.isTransaction === false) return { rows: [] };
  const { changes, lastInsertRowid } = statement.run(...values);
  return { rows: [], changes: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

function answer(id: number, statement: Statement): Answer {
  try {
    return { id, result: execute(statement) };
  } catch (error) {
    // What SQLite adds to an error does not cross to another thread by itself.
    const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
    return { id, fault: { message: error instanceof Error ? error.message : String(error), code, errcode } };
  }
}

port.on('message', (question: Question) => {
  if (question !== 'close') return port.postMessage(answer(question.id, question));
  database?.close();
  return port.close();
});
