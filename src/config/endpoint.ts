export type HostPort = { readonly host: string; readonly port: number };
export type ListenAddress = HostPort & { readonly protocol: 'udp' | 'tcp' | 'tls' | 'ws' | 'wss' };

/** `127.0.0.1:5060` or `[::1]:5060`, taken apart; brackets go. Without a port, `otherwise` is it. */
export function splitHostPort(text: string, otherwise = 0): HostPort {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text);
  const host = (match?.[1] ?? text).replace(/^\[|\]$/g, '');
  return { host, port: match?.[2] === undefined ? otherwise : Number(match[2]) };
}

/** `udp:127.0.0.1:5060`, taken apart; the schema has checked its form. */
export function splitListen(text: string): ListenAddress {
  const cut = text.indexOf(':');
  const protocol = text.slice(0, cut) as ListenAddress['protocol'];
  return { protocol, ...splitHostPort(text.slice(cut + 1)) };
}
