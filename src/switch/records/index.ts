export { MediaWatch } from './media-watch.ts';
export { RecordKeeper } from './record-keeper.ts';
