/** The tables, as kysely's types want them. Times are wall-clock milliseconds; `body` is JSON. */
export type Tables = {
  call_records: {
    id: string;
    domain: string;
    started_at: number;
    answered: number;
    caller: string;
    callee: string;
    body: string;
  };
  /** Whose calls they were: what a user's own list is read from. */
  call_record_users: { record_id: string; user_id: string };
  audit: {
    id: string;
    domain: string;
    at: number;
    who: string;
    what: string;
    body: string;
  };
};
