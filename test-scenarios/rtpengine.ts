import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { StartedMedia } from './product.ts';

/** Whether Debian's rtpengine-daemon is on this machine. */
export const haveRtpengine = spawnSync('rtpengine', ['--version'], { stdio: 'ignore' }).error === undefined;

function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** Runs rtpengine in user space on a free port, until it is closed. */
export async function startRtpengine(dtmfPort: number): Promise<StartedMedia> {
  const port = await freePort();
  const child = spawn(
    'rtpengine',
    [
      '--config-file=none',
      '--table=-1',
      '--foreground',
      '--log-stderr',
      '--log-level=3',
      '--interface=127.0.0.1',
      `--listen-ng=127.0.0.1:${port}`,
      '--port-min=20000',
      '--port-max=29998',
      '--delete-delay=0',
      `--dtmf-log-dest=127.0.0.1:${dtmfPort}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await answers(port);
  return {
    nodes: [{ host: '127.0.0.1', port }],
    close: () => {
      child.kill();
      return ended;
    },
  };
}

/** Pings until it answers. */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4');
  const answered = new Promise<void>((resolve) => socket.once('message', () => resolve()));
  const timer = setInterval(() => socket.send('ping d7:command4:pinge', port, '127.0.0.1'), 50);
  await answered;
  clearInterval(timer);
  socket.close();
}
