/** What the composition root needs beside the switch itself: calendars are read on a thread of their own. */
export { CalendarFeeds } from './calendar-feeds.ts';
export { readCalendar, type CalendarContents, type CalendarWindow } from './calendar-spans.ts';
export type { LookUps } from './call-routing.ts';
export { TimeZones } from './schedules.ts';
