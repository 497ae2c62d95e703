import { Rtpengine, rtpengineMissing } from '../src/testing/index.ts';
import type { StartedMedia } from './product.ts';

/** Whether Debian's rtpengine-daemon is on this machine. */
export const haveRtpengine = rtpengineMissing() === undefined;

/** Runs rtpengine in user space on ports of its own, until it is closed. */
export async function startRtpengine(dtmfPort: number): Promise<StartedMedia> {
  const engine = await Rtpengine.start({
    dtmfLog: { address: '127.0.0.1', port: dtmfPort },
    extra: ['--interface=::1'],
  });
  return { nodes: [{ host: engine.address, port: engine.port }], close: () => engine.close() };
}
