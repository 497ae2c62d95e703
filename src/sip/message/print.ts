import { HeaderTable, tableOf } from './headers.ts';
import { Request, Response } from './message.ts';
import type { SipMessage } from './types.ts';

// A start line may not be ended from within.
const oneLine = (text: string): string => (/[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text);

/** Start line and header fields up to and with the empty line. */
export const printHead = (message: SipMessage): string => {
  const line =
    message.kind === 'request'
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${message.reason}`;
  const table = message.headers instanceof HeaderTable ? message.headers : tableOf(message.headers);
  return `${oneLine(line)}\r\n${table.print(message.body.length)}`;
};

/**
 * The bytes of a message, `Content-Length` always among them. A message that was parsed and not changed since is given
 * back as the bytes it came in.
 */
export const printMessage = (message: SipMessage): Buffer => {
  if (message instanceof Request || message instanceof Response) {
    const wire = message.untouched;
    if (wire !== undefined) return wire;
  }
  const head = printHead(message);
  const { body } = message;
  if (body.length === 0) return Buffer.from(head);
  const length = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(length + body.length);
  bytes.write(head, 0, 'utf8');
  bytes.set(body, length);
  return bytes;
};
