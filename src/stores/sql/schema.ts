/** The tables, as kysely's types want them. Times are wall-clock milliseconds; `body` is JSON. */
export type Tables = {
  domains: { name: string; body: string };
  users: { id: string; domain: string; extension: string; body: string };
  devices: { id: string; domain: string; user_id: string; extension: string; body: string };
  ring_groups: { id: string; domain: string; extension: string; body: string };
  numbers: { domain: string; number: string; body: string };
  trunks: { id: string; domain: string; name: string; body: string };
  cold_routes: { user_id: string; device_id: string; set_at: number; set_by: string };
  /** `owner` is a user's or group's id or a number's digits, as `kind` says. */
  routings: { domain: string; kind: string; owner: string; body: string };
  schedules: { domain: string; name: string; body: string };
  caller_lists: { domain: string; name: string; body: string };
  calendars: { domain: string; name: string; body: string };
  policies: { domain: string; body: string };
  /** What the program itself has to remember from one start to the next. */
  notes: { name: string; value: string };
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
  /** The public number that was dialled, and outside numbers that were rung. */
  call_record_numbers: { record_id: string; number: string };
  voice_messages: { id: string; user_id: string; at: number; heard: number; body: string };
  audit: {
    id: string;
    domain: string;
    at: number;
    who: string;
    what: string;
    body: string;
  };
};
