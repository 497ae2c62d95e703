import ICAL from 'ical.js';
import type { TimeZones } from './schedules.ts';

/** From when until when (wall-clock milliseconds, the end not included) a calendar says that somebody is engaged. */
export type CalendarSpan = {
  readonly from: number;
  readonly until: number;
  readonly is: 'busy' | 'out-of-office';
};

export type CalendarWindow = { readonly from: number; readonly until: number };

export type CalendarContents =
  | { readonly ok: true; readonly spans: readonly CalendarSpan[] }
  | { readonly ok: false; readonly why: string };

const mostSpans = 10_000;

/** Words of a title that say so where the calendar has no field for it. */
const outOfOffice = /\b(out of (the )?office|ooo|oof|on leave|annual leave|vacation|abwesend|urlaub)\b/i;

/**
 * What an iCalendar text (RFC 5545) says of a window of time: recurring events with their exceptions, time zones by the
 * text's own VTIMEZONE or by their IANA names. Cancelled events, and those that are transparent or free, are left out.
 * A text with more `occurrences`, from the beginning of each event, is given up: recurring ones can go on for ever.
 */
export function readCalendar(
  text: string,
  window: CalendarWindow,
  zones: TimeZones,
  occurrences = 100_000,
): CalendarContents {
  try {
    const root = new ICAL.Component(ICAL.parse(text) as unknown[]);
    const calendars = root.name === 'vcalendar' ? [root] : root.getAllSubcomponents('vcalendar');
    if (calendars.length === 0) return { ok: false, why: 'this is no calendar' };
    const reading = new Reading(window, zones, occurrences);
    for (const calendar of calendars) reading.calendar(calendar);
    return { ok: true, spans: reading.spans.toSorted((a, b) => a.from - b.from) };
  } catch (error) {
    return { ok: false, why: `this calendar cannot be read: ${(error as Error).message.slice(0, 200)}` };
  }
}

class Reading {
  readonly spans: CalendarSpan[] = [];
  readonly #window: CalendarWindow;
  readonly #zones: TimeZones;
  #ownZone = 'UTC';
  #occurrences: number;

  constructor(window: CalendarWindow, zones: TimeZones, occurrences: number) {
    this.#occurrences = occurrences;
    this.#window = window;
    this.#zones = zones;
  }

  calendar(calendar: ICAL.Component): void {
    this.#ownZone = this.#zoneOf(calendar);
    const components = calendar.getAllSubcomponents('vevent');
    const changed = Map.groupBy(
      components.filter((one) => one.hasProperty('recurrence-id')),
      uidOf,
    );
    for (const component of components) {
      if (component.hasProperty('recurrence-id')) continue;
      const event = new ICAL.Event(component, { exceptions: changed.get(uidOf(component)) ?? [] });
      changed.delete(uidOf(component));
      if (event.isRecurring()) this.#recurring(event);
      else this.#once(event);
    }
    // Single occurrences of an event that somebody else keeps.
    for (const alone of changed.values()) for (const one of alone) this.#once(new ICAL.Event(one));
  }

  #once(event: ICAL.Event): void {
    this.#add(event, event.startDate, event.endDate);
  }

  #recurring(event: ICAL.Event): void {
    const iterator = event.iterator();
    for (let next = iterator.next(); next !== undefined && next !== null; next = iterator.next()) {
      if (this.#occurrences-- <= 0) throw new Error('it has too many occurrences');
      const { startDate, endDate, item } = event.getOccurrenceDetails(next);
      if (this.#at(next, zoneNameOf(event)) >= this.#window.until) break;
      this.#add(item, startDate, endDate);
    }
  }

  #add(event: ICAL.Event, start: ICAL.Time, end: ICAL.Time): void {
    const is = kindOf(event.component, event.summary);
    if (is === undefined) return;
    const zone = zoneNameOf(event);
    const from = this.#at(start, zone);
    // One that begins in the hour left out in spring would end as it begins.
    const least = from + Math.max(0, end.subtractDate(start).toSeconds()) * 1000;
    const shown = this.#at(end, zone);
    const span = { from, until: shown > from ? shown : least, is };
    if (span.until <= this.#window.from || span.from >= this.#window.until) return;
    if (this.spans.length >= mostSpans) throw new Error('it has too many events');
    this.spans.push(span);
  }

  /** Dates alone begin at midnight of the calendar's own time zone. */
  #at(time: ICAL.Time, zone: string | undefined): number {
    if (time.zone !== ICAL.Timezone.localTimezone && !time.isDate) return time.toUnixTime() * 1000;
    const local = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
    const named = zone !== undefined && !time.isDate && this.#zones.at(zone, 0) !== undefined;
    return this.#instant(local, named ? zone : this.#ownZone);
  }

  /** The moment at which clocks of a zone show this; of two, the later. */
  #instant(local: number, zone: string): number {
    const offset = (wall: number): number => {
      const there = this.#zones.at(zone, wall);
      if (there === undefined) return 0;
      const minutes = Date.parse(`${there.date}T00:00:00Z`) + there.minute * 60_000;
      return minutes - Math.floor(wall / 60_000) * 60_000;
    };
    return local - offset(local - offset(local));
  }

  /** What a calendar says of its own zone, or that of its first VTIMEZONE. */
  #zoneOf(calendar: ICAL.Component): string {
    const said = calendar.getFirstPropertyValue('x-wr-timezone');
    const first = calendar.getFirstSubcomponent('vtimezone')?.getFirstPropertyValue('tzid');
    const known = [said, first].find(
      (name) => typeof name === 'string' && this.#zones.at(name, 0) !== undefined,
    );
    return typeof known === 'string' ? known : 'UTC';
  }
}

const uidOf = (component: ICAL.Component): string => String(component.getFirstPropertyValue('uid') ?? '');

/** The name of the zone that an event's times are in, as it is written. */
function zoneNameOf(event: ICAL.Event): string | undefined {
  const zone = event.component.getFirstProperty('dtstart')?.getParameter('tzid');
  return typeof zone === 'string' ? zone : undefined;
}

/** Undefined for what does not engage anybody. */
function kindOf(component: ICAL.Component, title: string | null): CalendarSpan['is'] | undefined {
  const field = (name: string) => String(component.getFirstPropertyValue(name) ?? '').toUpperCase();
  if (field('status') === 'CANCELLED') return undefined;
  const shown = field('x-microsoft-cdo-busystatus');
  if (shown === 'OOF' || outOfOffice.test(title ?? '')) return 'out-of-office';
  if (shown === 'FREE' || shown === 'WORKINGELSEWHERE' || field('transp') === 'TRANSPARENT') return undefined;
  return 'busy';
}
