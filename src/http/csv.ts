import type { CallRecord } from '../stores/index.ts';

const columns: readonly (readonly [string, (record: CallRecord) => string | number | undefined])[] = [
  ['id', (record) => record.id],
  ['started', (record) => iso(record.startedAt)],
  ['answered', (record) => iso(record.answeredAt)],
  ['ended', (record) => iso(record.endedAt)],
  ['seconds', (record) => seconds(record.answeredAt, record.endedAt)],
  ['from', (record) => record.from],
  ['to', (record) => record.to],
  ['user', (record) => record.user],
  ['ended by', (record) => record.endedBy],
  ['cause', (record) => record.ended.cause],
  ['reason', (record) => record.ended.text],
  ['devices', (record) => devices(record)],
  ['number', (record) => record.number],
  ['forwarded', (record) => forwarded(record)],
  ['flips', (record) => record.flips.filter((flip) => flip.result === 'moved').length],
];

const iso = (wall: number | undefined) => (wall === undefined ? undefined : new Date(wall).toISOString());

const seconds = (from: number | undefined, to: number) =>
  from === undefined ? undefined : Math.round((to - from) / 1000);

/** The owner's devices that talked, in order. */
const devices = ({ legs, user }: CallRecord) =>
  legs
    .filter((leg) => leg.user === user && leg.answeredAt !== undefined)
    .map((leg) => leg.device ?? '')
    .join(' ');

/** Whether rules led the call outside, which costs, or to others inside. */
const forwarded = ({ legs }: CallRecord): 'inside' | 'outside' | undefined =>
  legs.some((leg) => leg.forwarded === 'outside')
    ? 'outside'
    : legs.find((leg) => leg.forwarded === 'inside')?.forwarded;

/** RFC 4180. What a spreadsheet would take for a formula is made text; a telephone number with its `+` is none. */
function cell(value: string | number | undefined): string {
  const text = String(value ?? '');
  const safe = /^(?:[=@\t\r]|[+-](?!\d+$))/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const line = (cells: readonly (string | number | undefined)[]) => `${cells.map(cell).join(',')}\r\n`;

/** Records as a table, one line a call. */
export const recordsAsCsv = (records: readonly CallRecord[]): string =>
  line(columns.map(([title]) => title)) +
  records.map((record) => line(columns.map(([, read]) => read(record)))).join('');
