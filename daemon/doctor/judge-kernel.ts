import { newFinding, type Finding } from './finding.ts';

/** `denied`: by a filter of system calls. */
export type CallSupport = 'present' | 'absent' | 'denied';

export interface KernelEvidence {
  /** As of `uname -r`. */
  readonly release: string;
  readonly calls: Readonly<Record<string, CallSupport>>;
}

/** By number, which is the same on all architectures, and since when there is one. */
export const wantedCalls = {
  pidfd_open: { number: 434, since: '5.3', without: null },
  open_tree: { number: 428, since: '5.2', without: null },
  openat2: { number: 437, since: '5.6', without: 'files of pods are read by a slower walk' },
  clone3: { number: 435, since: '5.3', without: 'QEMU joins its cgroup after it was born, not before' },
  close_range: { number: 436, since: '5.9', without: 'file descriptors are closed one by one' },
} as const satisfies Record<string, { number: number; since: string; without: string | null }>;

export function judgeKernel({ release, calls }: KernelEvidence): readonly Finding[] {
  const missing = Object.entries(wantedCalls).filter(([name]) => calls[name] !== 'present');
  if (missing.length === 0)
    return [newFinding('ok', `Linux ${release} has ${Object.keys(wantedCalls).join(', ')}`)];
  return missing.map(([name, { since, without }]) => {
    const why = calls[name] === 'denied' ? 'a filter of system calls denies it' : `Linux ${release} has none`;
    const remedy =
      calls[name] === 'denied'
        ? `let the seccomp profile of the daemon's container allow ${name}`
        : `run Linux ${since} or later`;
    return newFinding(
      without === null ? 'failure' : 'warning',
      `${name} can't be used: ${why}; ${without ?? 'no VM can start without'}`,
      { subject: name, remedy },
    );
  });
}
