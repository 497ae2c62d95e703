// The embedded signaling engine: messages, transports, transactions, dialogs. docs/sip.md says what each RFC gets.
export * from './message/index.ts';
export * from './transport/index.ts';
export * from './transaction/index.ts';
export * from './dialog/index.ts';
