import { cseq, type SipMessage } from '../sip/message/index.ts';
import type { Recorded } from './phone-exchange.ts';

const titleOf = (message: SipMessage): string =>
  message.kind === 'request'
    ? `${message.method} ${message.uri}`
    : `${message.status} ${message.reason} (${cseq(message)?.method})`;

/** What a phone saw, one message a line: seconds, direction, message, Call-ID, what stands out. */
export const ladder = (name: string, messages: readonly Recorded[], origin: number): string => {
  const lines = messages.map(({ at, direction, message, repeated, remote }) => {
    const arrow = direction === 'in' ? '<--' : '-->';
    const marks = [
      `cseq ${message.headers.get('cseq') ?? '?'}`,
      (message.headers.get('call-id') ?? '').slice(0, 12),
      ...(message.body.length > 0 ? [`${message.body.length} bytes`] : []),
      ...(repeated ? ['again'] : []),
    ];
    const seconds = ((at - origin) / 1000).toFixed(3);
    return `  ${seconds} ${name} ${arrow} ${remote.address}:${remote.port} ${titleOf(message)}  [${marks.join(', ')}]`;
  });
  return lines.length === 0 ? `  ${name} saw no message` : lines.join('\n');
};
