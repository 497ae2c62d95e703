export { decodeBencode, encodeBencode } from './bencode.ts';
export { NgClient, type NgClientOptions } from './client.ts';
export { parseNgMessage, printNgMessage, type NgEncoding, type NgMessage } from './message.ts';
export { ngError, NgServer, type NgAnswer, type NgHandler, type NgServerOptions } from './server.ts';
export { ngDictionary, ngList, ngNumber, ngText, type NgDictionary, type NgValue } from './value.ts';
