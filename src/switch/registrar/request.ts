import type { Flow, FlowProtocol } from '../../stores/index.ts';

/** The part of drachtio-srf's request that registrar and authenticator read; header names in any case. */
export interface SipRequest {
  readonly method: string;
  readonly uri: string;
  readonly protocol: string;
  readonly source_address: string;
  readonly source_port: number | string;
  /** When the stack received it: `HH:MM:SS.uuuuuu` by its clock. */
  readonly stackTime?: string;
  get(name: string): string | undefined;
}

/** The part of drachtio-srf's response that the registrar uses. */
export interface SipResponse {
  send(status: number, reason: string, options: { headers: Record<string, string> }): void;
}

const protocols: readonly FlowProtocol[] = ['udp', 'tcp', 'tls', 'ws', 'wss'];

/**
 * Where the request came from. drachtio-server calls a WebSocket `tcp`; the topmost Via says what it is
 * (RFC 7118 §5.2).
 */
export function flowOf(request: Omit<SipRequest, 'method' | 'uri'>): Flow {
  const said = request.protocol.toLowerCase();
  const protocol = said === 'udp' ? said : protocolOf(said, request.get('via') ?? '');
  return { protocol, address: request.source_address, port: Number(request.source_port) };
}

function protocolOf(said: string, vias: string): FlowProtocol {
  const via = /^\s*SIP\s*\/\s*2\.0\s*\/\s*(\w+)/i.exec(vias)?.[1]?.toLowerCase();
  const name = via === 'ws' || via === 'wss' || said === '' ? via : said;
  return protocols.find((p) => p === name) ?? 'udp';
}
