import { newFinding, type Finding } from './finding.ts';

export interface ClockEvidence {
  /** The kernel's word (STA_UNSYNC); null where it may not be asked. */
  readonly isSynchronised: boolean | null;
  /** How wrong it may be, in microseconds. */
  readonly maxErrorUs: number;
}

export function judgeClock({ isSynchronised, maxErrorUs }: ClockEvidence): readonly Finding[] {
  if (isSynchronised === null)
    return [newFinding('skipped', 'a filter of system calls keeps the kernel from being asked (adjtimex)')];
  if (isSynchronised)
    return [newFinding('ok', `synchronised, wrong by ${Math.ceil(maxErrorUs / 1000)} ms at most`)];
  return [
    newFinding('warning', 'nobody synchronises the clock: secrets and tokens end by it', {
      command: 'timedatectl set-ntp true',
    }),
  ];
}
