import { nodeDatagrams, type DatagramIo } from '../datagram.ts';
import { openKernel } from './kernel.ts';
import { RingDatagrams } from './ring-datagrams.ts';

/** How datagrams are to be carried: by io_uring where the system has it, or by `node:dgram` in any case. */
export type DatagramChoice = 'auto' | 'node';

export type OpenedDatagrams = {
  readonly io: DatagramIo;
  /** Why it is not io_uring, where that was asked for. */
  readonly reason?: string;
};

const PROOF_MS = 2000;
const LOOPBACK = '127.0.0.1';

/**
 * Opens what carries the datagrams of the calling thread. io_uring is taken only after it has carried one between two
 * sockets; whatever is missing (another system, an old kernel, a container that forbids it, the package), it is
 * `node:dgram`, and the reason is told.
 */
export const openDatagrams = async (
  choice: DatagramChoice,
  open: () => Promise<DatagramIo> = () => openRing(),
): Promise<OpenedDatagrams> => {
  if (choice === 'node') return { io: nodeDatagrams };
  let ring: DatagramIo | undefined;
  try {
    ring = await open();
    await prove(ring);
    return { io: ring };
  } catch (error) {
    await ring?.close();
    return { io: nodeDatagrams, reason: error instanceof Error ? error.message : String(error) };
  }
};

/** Rejects with what is missing. */
export const openRing = async (mapped = false): Promise<RingDatagrams> => {
  const kernel = await openKernel();
  // The event loop has its doorbell in the epoll that it waits in once it has waited.
  await turnOfTheLoop();
  const doorbell = kernel.loopDoorbell();
  if (doorbell === undefined) throw new Error("the event loop's doorbell was not found");
  return new RingDatagrams(kernel, { doorbell, mapped });
};

const turnOfTheLoop = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A datagram there and back: receiving, sending, addresses, and that what comes wakes a loop that waits. */
const prove = async (ring: DatagramIo): Promise<void> => {
  const here = ring.bind({ address: LOOPBACK, port: 0 });
  const there = ring.bind({ address: LOOPBACK, port: 0 });
  const proof = Promise.withResolvers<void>();
  const late = setTimeout(() => proof.reject(new Error('io_uring does not carry datagrams')), PROOF_MS);
  const failed = (error: Error) => proof.reject(error);
  here.onError = failed;
  there.onError = failed;
  there.onMessage = (packet, from) => there.send(packet, from.port, from.address);
  here.onMessage = (packet, from) => {
    if (packet.toString() === 'proof' && from.port === there.port) proof.resolve();
  };
  here.send(Buffer.from('proof'), there.port, there.address);
  try {
    await proof.promise;
  } finally {
    clearTimeout(late);
    await Promise.all([here.close(), there.close()]);
  }
};
