export type Statement = { readonly sql: string; readonly parameters: readonly unknown[] };

/** To the thread of an SQLite file. */
export type Question = (Statement & { readonly id: number }) | 'close';

export type Result = {
  readonly rows: readonly unknown[];
  readonly changes?: bigint;
  readonly insertId?: bigint;
};

/** What came of a statement; `code` and `errcode` as node:sqlite gives them. */
export type Answer =
  | { readonly id: number; readonly result: Result }
  | {
      readonly id: number;
      readonly fault: { readonly message: string; readonly code: unknown; readonly errcode: unknown };
    };
