import { bracketHost, topVia, type SipMessage, type Via } from '../message/index.ts';
import type { Address, Listener, Protocol } from './types.ts';

/** What a listener is called in Via and Contact. */
export const sentBy = (listener: Listener): Address => listener.external ?? listener.local;

/** `SIP/2.0/UDP host:port;rport;branch=…` (RFC 3261 §18.1.1, RFC 3581 §3). */
export const viaValue = (listener: Listener, branch: string): string => {
  const { address, port } = sentBy(listener);
  return `SIP/2.0/${listener.protocol.toUpperCase()} ${bracketHost(address)}:${port};rport;branch=${branch}`;
};

const stamps = /\s*;\s*(?:received|rport)\s*(?:=\s*(?:\[[^\]]*\]|[^;,\s]*))?(?=\s*(?:;|$))/gi;

/**
 * Writes where a request really came from into its top Via (RFC 3261 §18.2.1, RFC 3581 §4). What the sender wrote there
 * itself is replaced, so that nobody can have answers sent elsewhere. Leaves the message alone when nothing is to add.
 */
export const stampVia = (message: SipMessage, remote: Address): void => {
  const via = topVia(message);
  if (via === undefined) return;
  const wantsPort = via.parameters.has('rport');
  if (!wantsPort && !via.parameters.has('received') && via.host === remote.address) return;
  const { headers } = message;
  const text = (headers.shift('via') ?? '').replace(stamps, '');
  const port = wantsPort ? `;rport=${remote.port}` : '';
  const received = wantsPort || via.host !== remote.address ? `;received=${remote.address}` : '';
  headers.prepend('Via', `${text}${port}${received}`);
};

/** Makes the top Via name another listener, branch and all else kept: for a request that changes its transport. */
export const moveVia = (message: SipMessage, listener: Listener): void => {
  const text = message.headers.shift('via') ?? '';
  const parameters = text.indexOf(';');
  const { address, port } = sentBy(listener);
  const start = `SIP/2.0/${listener.protocol.toUpperCase()} ${bracketHost(address)}:${port}`;
  message.headers.prepend('Via', parameters < 0 ? start : start + text.slice(parameters));
};

export const defaultPort = (protocol: Protocol): number => {
  if (protocol === 'tls') return 5061;
  if (protocol === 'ws') return 80;
  return protocol === 'wss' ? 443 : 5060;
};

/**
 * Where a response goes by its top Via (RFC 3261 §18.2.2, RFC 3581 §4) when the flow of its request does not decide it.
 * The host may be a name.
 */
export const replyAddress = (via: Via, protocol: Protocol): Address => {
  const fallback = via.port ?? defaultPort(protocol);
  const maddr = via.parameters.get('maddr');
  if (protocol === 'udp' && maddr !== undefined && maddr !== '') {
    return { address: maddr.replace(/^\[|\]$/g, ''), port: fallback };
  }
  const received = via.parameters.get('received')?.replace(/^\[|\]$/g, '');
  const rport = protocol === 'udp' ? Number(via.parameters.get('rport') ?? 0) : 0;
  return { address: received ?? via.host, port: rport > 0 && rport < 65_536 ? rport : fallback };
};
