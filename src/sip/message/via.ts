import { parseParameters, printParameters } from './parameters.ts';
import type { CSeq, Via } from './types.ts';
import { bracketHost, parseHostPort } from './uri.ts';

const viaShape =
  /^SIP[ \t]*\/[ \t]*[0-9]+\.[0-9]+[ \t]*\/[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+(\[[^\][]*\]|[^\s:;,[\]]+)(?:[ \t]*:[ \t]*([0-9]+))?(?:[ \t]*$|[ \t]*(?=;))/i;

/** Reads one Via value (RFC 3261 §20.42). */
export const parseVia = (value: string): Via | undefined => {
  const match = viaShape.exec(value);
  if (match === null) return undefined;
  const hostPort = parseHostPort(match[3] === undefined ? (match[2] ?? '') : `${match[2]}:${match[3]}`);
  const parameters = parseParameters(value.slice(match[0].length));
  if (hostPort === undefined || parameters === undefined) return undefined;
  return { transport: (match[1] ?? '').toUpperCase(), ...hostPort, parameters };
};

/** What can be made of a malformed Via, to answer its sender: transport and sent-by without the parameters. */
export const salvageVia = (value: string): Via | undefined => {
  const semicolon = value.indexOf(';');
  return parseVia(value) ?? parseVia(semicolon < 0 ? value : value.slice(0, semicolon));
};

export const printVia = (via: Via): string => {
  const port = via.port === undefined ? '' : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${bracketHost(via.host)}${port}${printParameters(via.parameters)}`;
};

const cseqShape = /^([0-9]{1,16})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)$/;

/** Reads a CSeq value; the number must be less than 2^31 (RFC 3261 §8.1.1.5). */
export const parseCSeq = (value: string): CSeq | undefined => {
  const match = cseqShape.exec(value);
  if (match === null) return undefined;
  const number = Number(match[1]);
  return number < 2 ** 31 ? { number, method: match[2] ?? '' } : undefined;
};
