export * from './message/index.ts';
export type * from './transport/types.ts';
export type * from './transaction/types.ts';
export type * from './dialog/types.ts';
