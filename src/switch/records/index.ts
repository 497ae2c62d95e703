export { MediaWatch } from './media-watch.ts';
export { RecordKeeper, type RecordKeeperParts } from './record-keeper.ts';
