export { RecordedMedia, type RecordingNotes } from './recorded-media.ts';
export { MediaWatch } from './media-watch.ts';
export { CallJournal, endLeftovers, type KeptCall, type LeftoverParts } from './call-journal.ts';
export { RecordKeeper } from './record-keeper.ts';
