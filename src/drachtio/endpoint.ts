import type { EngineProtocol, ListenEndpoint } from './options.ts';

const shape = /^(udp|tcp|tls|ws|wss):(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/;

/** Reads `udp:127.0.0.1:5060`, `tls:[::1]:5061`; a string says what is wrong. */
export const parseEndpoint = (text: string): ListenEndpoint | string => {
  const [, protocol, v6, v4, port] = shape.exec(text) ?? [];
  const address = v6 ?? v4;
  if (protocol === undefined || address === undefined)
    return `"${text}" is no listening address; it looks like udp:127.0.0.1:5060 or tls:[::1]:5061`;
  if (Number(port) > 65_535) return `"${text}": ${port} is no port`;
  return { protocol: protocol as EngineProtocol, address, port: Number(port) };
};
