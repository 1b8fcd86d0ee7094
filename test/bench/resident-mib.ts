import { readStatusFields } from '../support/processes.ts';

/** What a process has in memory, in MiB. */
export function residentMib(pid: number): number {
  return Number.parseInt(readStatusFields(pid).get('VmRSS') ?? '', 10) / 1024;
}
