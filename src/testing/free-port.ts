import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** A port that is free for UDP and TCP on 127.0.0.1, for a program that has it a moment later. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const tcp = createServer();
    tcp.once('error', reject);
    tcp.listen(0, '127.0.0.1', () => {
      const address = tcp.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const udp = createSocket('udp4');
      udp.once('error', () => tcp.close(() => void freePort().then(resolve, reject)));
      udp.bind(port, '127.0.0.1', () => udp.close(() => tcp.close(() => resolve(port))));
    });
  });
