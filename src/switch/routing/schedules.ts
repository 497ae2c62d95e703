import type { Schedule, WeekSpan } from '../../stores/index.ts';

/** What clocks show somewhere. */
export type LocalTime = {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** 1 (Monday) to 7. */
  readonly day: number;
  /** The date before. */
  readonly before: string;
  /** Minutes since midnight, as the clock on the wall shows them. */
  readonly minute: number;
};

const dayMs = 86_400_000;

/** Local time in IANA time zones. Making a formatter costs a hundred times what using it does. */
export class TimeZones {
  readonly #formats = new Map<string, Intl.DateTimeFormat>();

  /** Undefined when there is no such time zone. `wall` is milliseconds since 1970 UTC. */
  at(timeZone: string, wall: number): LocalTime | undefined {
    const format = this.#format(timeZone);
    if (format === undefined) return undefined;
    // `sv-SE` writes ISO 8601: 2026-03-29 01:30.
    const [date = '', time = ''] = format.format(wall).split(' ');
    const [hour = 0, minute = 0] = time.split(':').map(Number);
    return { date, day: dayOf(date), before: dayBefore(date), minute: hour * 60 + minute };
  }

  #format(timeZone: string): Intl.DateTimeFormat | undefined {
    const known = this.#formats.get(timeZone);
    if (known !== undefined || !isTimeZone(timeZone)) return known;
    if (this.#formats.size >= 1000) this.#formats.clear();
    const made = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    this.#formats.set(timeZone, made);
    return made;
  }
}

/** One moment as clocks everywhere show it, each asked once. */
export class Moment {
  readonly #zones: TimeZones;
  readonly #wall: number;
  readonly #known = new Map<string, LocalTime | undefined>();

  constructor(zones: TimeZones, wall: number) {
    this.#zones = zones;
    this.#wall = wall;
  }

  at(timeZone: string): LocalTime | undefined {
    if (!this.#known.has(timeZone)) this.#known.set(timeZone, this.#zones.at(timeZone, this.#wall));
    return this.#known.get(timeZone);
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

const dayOf = (date: string): number => new Date(`${date}T00:00:00Z`).getUTCDay() || 7;

const dayBefore = (date: string): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) - dayMs).toISOString().slice(0, 10);

/** `HH:MM` in minutes; 24:00 is the end of the day. */
const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

type Span = Pick<WeekSpan, 'from' | 'to'>;

/** The spans that begin on a date: its own when it has some, none on a holiday, else those of its day of the week. */
function spansOf(schedule: Schedule, date: string, day: number): readonly Span[] {
  const own = schedule.dates.filter((span) => span.date === date);
  if (own.length > 0) return own;
  if (schedule.holidays.includes(date)) return [];
  return schedule.weekly.filter((span) => span.days.includes(day));
}

const goesOver = ({ from, to }: Span): boolean => minutes(to) <= minutes(from);

/**
 * Whether a schedule is open at a local time. What the clock shows is what counts, so an hour that comes twice is open
 * twice, and one that is left out in spring is not missed. A span that ends on the next day belongs to the day on which
 * it begins: the night before a holiday goes on into it.
 */
export function isOpen(schedule: Schedule, { date, day, before, minute }: LocalTime): boolean {
  const today = spansOf(schedule, date, day).some(
    (span) => minute >= minutes(span.from) && (goesOver(span) || minute < minutes(span.to)),
  );
  const yesterday = day === 1 ? 7 : day - 1;
  return (
    today || spansOf(schedule, before, yesterday).some((span) => goesOver(span) && minute < minutes(span.to))
  );
}

/** Which turn of a rotation a date is in, from 0; before the start, too. */
export function turnOn(
  date: string,
  { start, days, of }: { readonly start: string; readonly days: number; readonly of: number },
): number {
  const passed = Math.floor((Date.parse(date) - Date.parse(start)) / dayMs / days);
  return ((passed % of) + of) % of;
}
