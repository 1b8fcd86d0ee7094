import { hasCode } from '../../errors.ts';
import type { SystemLibrary } from './system-library.ts';

/** What this kernel can do, and how it does. */
export interface KernelCalls {
  /** Whether the kernel knows a system call, which is called in a way that comes to nothing; `denied`: a filter says no. */
  callSupport(number: number): 'present' | 'absent' | 'denied';
  /** What the kernel says of its clock. Throws `EPERM` or `ENOSYS` where it may not be asked. */
  clockState(): { readonly isSynchronised: boolean; readonly maxErrorUs: number };
}

const STA_UNSYNC = 0x40;

export function createKernelCalls({ find, call }: SystemLibrary): KernelCalls {
  const syscall = find('long syscall(long, long, long, void *, long)');
  const adjtimex = find('int adjtimex(void *)');

  return {
    callSupport(number) {
      try {
        // No fd, no memory, no size: all that are asked for take this for an error of ours.
        call('try a system call', 'syscall', syscall, number, -1, 0, null, 0);
      } catch (error) {
        if (hasCode(error, 'ENOSYS', 'EPERM')) return error.code === 'EPERM' ? 'denied' : 'absent';
      }
      return 'present';
    },

    clockState() {
      // A struct timex, all zero: only to read.
      const state = Buffer.alloc(208);
      call('ask for the state of the clock', 'adjtimex', adjtimex, state);
      return {
        isSynchronised: (state.readInt32LE(40) & STA_UNSYNC) === 0,
        maxErrorUs: Number(state.readBigInt64LE(24)),
      };
    },
  };
}
