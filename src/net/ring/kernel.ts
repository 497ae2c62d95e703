import { readFileSync, readlinkSync } from 'node:fs';

/** An error number of the system and the call that gave it. */
export class SystemError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, code: string) {
    super(`${call} ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

// The numbers of io_uring's system calls, the same on every architecture that has them.
const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;
const IO_URING_REGISTER = 427;
const EVENTFD = '[eventfd]';

/** Whole pages of memory that are nobody else's until they are unmapped, also when this thread ends before. */
export type Mapping = { readonly memory: ArrayBuffer; readonly address: number; unmap(): void };

/**
 * The few calls of the system that are made directly. Each takes numbers and addresses and answers what the system
 * answers, negative with `error()` telling why. Nothing of it is checked by anybody: whoever calls sees to it that what
 * an address points at outlives its use.
 */
export interface Kernel {
  setup(entries: number, parameters: Uint32Array): number;
  enter(ring: number, submit: number, flags: number): number;
  register(ring: number, what: number, argument: ArrayBufferView, count: number): number;
  socket(family: number, type: number): number;
  bind(socket: number, address: Uint8Array, length: number): number;
  name(socket: number, address: Uint8Array, length: Uint32Array): number;
  setOption(socket: number, level: number, name: number, value: number): number;
  close(descriptor: number): number;
  /** Maps fresh memory, or what a descriptor shows at an offset; throws where the system refuses. */
  map(length: number, descriptor?: number, offset?: number): Mapping;
  /** Where memory lies. It does not move for as long as it is referred to. */
  address(memory: ArrayBuffer): number;
  /** What the last call that failed failed of. */
  error(call: string): SystemError;
  /** Closes a descriptor when this thread ends without having done so, in whatever way it ends. */
  closeAtExit(descriptor: number): void;
  /** It is closed, or will be, in another way. */
  forgetAtExit(descriptor: number): void;
  /** The eventfd by which other threads wake this thread's event loop; undefined where it is not found. */
  loopDoorbell(): number | undefined;
}

/** Throws where this machine has no such thing: another system, no package for it, a libc without `syscall`. */
export const openKernel = async (): Promise<Kernel> => {
  if (process.platform !== 'linux') throw new Error(`${process.platform} has no io_uring`);
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const call = (result: string, name: string, ...parameters: string[]) =>
    libc.func(name, result, parameters) as (...values: unknown[]) => number;
  const setup = call('long', 'syscall', 'long', 'uint32', 'void *');
  const enter = call('long', 'syscall', 'long', 'int', 'uint32', 'uint32', 'uint32', 'uintptr_t', 'size_t');
  const register = call('long', 'syscall', 'long', 'int', 'uint32', 'void *', 'uint32');
  const socket = call('int', 'socket', 'int', 'int', 'int');
  const setOption = call('int', 'setsockopt', 'int', 'int', 'int', 'void *', 'uint32');
  const close = call('int', 'close', 'int');
  const hook = (name: string) => {
    const change = call('int', name, 'void *', 'void *', 'uintptr_t');
    // The hook is libc's own close, and its argument the descriptor: nothing of JavaScript runs that late.
    const closing = libc.symbol('close') as unknown;
    return (descriptor: number) => void change(koffi.node.env, closing, descriptor);
  };
  return {
    setup: (entries, parameters) => setup(IO_URING_SETUP, entries, parameters),
    enter: (ring, submit, flags) => enter(IO_URING_ENTER, ring, submit, 0, flags, 0, 0),
    register: (ring, what, argument, count) => register(IO_URING_REGISTER, ring, what, argument, count),
    socket: (family, type) => socket(family, type, 0),
    bind: call('int', 'bind', 'int', 'void *', 'uint32'),
    name: call('int', 'getsockname', 'int', '_Inout_ uint8_t *', '_Inout_ uint32_t *'),
    setOption: (descriptor, level, name, value) =>
      setOption(descriptor, level, name, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT),
    close,
    map: mapper(koffi),
    address: (memory) => Number(koffi.address(memory)),
    error: (name) => systemError(koffi, name),
    closeAtExit: hook('napi_add_env_cleanup_hook'),
    forgetAtExit: hook('napi_remove_env_cleanup_hook'),
    loopDoorbell: () => doorbell(koffi),
  };
};

type Koffi = (typeof import('koffi'))['default'];

const systemError = (koffi: Koffi, call: string): SystemError => {
  const errno = koffi.errno();
  const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0];
  return new SystemError(call, errno, code ?? `errno ${errno}`);
};

const READ_WRITE = 3;
const SHARED_POPULATED = 0x8001;
const PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const mapper = (koffi: Koffi): Kernel['map'] => {
  const libc = koffi.load(null);
  const mmap = libc.func('mmap', 'void *', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = libc.func('munmap', 'int', ['void *', 'size_t']);
  return (length, descriptor = -1, offset = 0) => {
    const kind = descriptor < 0 ? PRIVATE_ANONYMOUS : SHARED_POPULATED;
    const at = mmap(0, length, READ_WRITE, kind, descriptor, offset) as bigint | null;
    if (at === null || BigInt.asUintN(64, at) === MAP_FAILED) throw systemError(koffi, 'mmap');
    return { memory: koffi.view(at, length), address: Number(at), unmap: () => void munmap(at, length) };
  };
};

/** libuv's loop waits in an epoll; the one eventfd in it is what `uv_async_send` writes to. */
const doorbell = (koffi: Koffi): number | undefined => {
  const node = koffi.load(null);
  const loop: unknown[] = [null];
  const loopOf = node.func('napi_get_uv_event_loop', 'int', ['void *', '_Out_ void **']);
  if (loopOf(koffi.node.env, loop) !== 0) return undefined;
  const epoll = node.func('uv_backend_fd', 'int', ['void *'])(loop[0]) as number;
  const watched = readFileSync(`/proc/self/fdinfo/${epoll}`, 'utf8').matchAll(/^tfd:\s*(\d+)/gm);
  const bells = [...watched]
    .map(([, descriptor]) => Number(descriptor))
    .filter((descriptor) => readlinkSync(`/proc/self/fd/${descriptor}`).endsWith(EVENTFD));
  return bells.length === 1 ? bells[0] : undefined;
};
