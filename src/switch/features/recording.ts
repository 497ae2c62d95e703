import type { DirectoryStore } from '../../stores/index.ts';
import type { Call, CallContext } from '../call/call.ts';
import type { Calls } from '../call/calls.ts';

/**
 * Records the calls of users whose calls are to be recorded, from the answer on, or from when such a user takes over.
 * The recording is of the call, not of a device: whatever devices it moves to, it goes on (S1-12).
 */
export function recordCalls(directory: DirectoryStore, calls: Calls, context: CallContext): void {
  const look = ({ id }: { readonly id: string }) => {
    const call = calls.get(id);
    if (call === undefined || call.recording || call.phase !== 'talking') return;
    const wanted = [...call.users()].some((userId) => directory.userById(userId)?.record === true);
    if (wanted) void start(call);
  };
  context.events.on('answered', look);
  context.events.on('changed', look);
}

async function start(call: Call): Promise<void> {
  call.recording = true;
  try {
    await call.media.command('start recording', {});
    call.changed();
  } catch (error) {
    // Not tried again with every change: what is missing is missing for the whole call.
    call.log.error({ error: String(error) }, 'call not recorded');
    call.decisions.push('not recorded: the media engine cannot');
  }
}
