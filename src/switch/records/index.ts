export { RecordedMedia, type RecordingNotes } from './recorded-media.ts';
export { MediaWatch } from './media-watch.ts';
export { RecordKeeper } from './record-keeper.ts';
