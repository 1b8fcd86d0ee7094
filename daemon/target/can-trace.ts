import type { ProcessStatus } from './parse-status.ts';

const CAP_SYS_PTRACE = 19n;

/** Whether a process, or what it executes, may trace processes of other users. What cannot be read counts as yes. */
export function canTrace({ capabilities: { bounding } }: ProcessStatus): boolean {
  return bounding === undefined || ((bounding >> CAP_SYS_PTRACE) & 1n) === 1n;
}
