import { readFileSync } from 'node:fs';
import { runCommand } from './run-command.ts';
import type { Sandbox } from './sandbox.ts';

/** Runs a shell script in the mount namespace of a pod, as one of its processes might that has CAP_SYS_ADMIN there. */
export async function runInMounts(pod: Pick<Sandbox, 'pid'>, script: string): Promise<string> {
  const { stdout } = await runCommand('nsenter', [
    '-m',
    '-r',
    '-t',
    String(pod.pid),
    '/bin/sh',
    '-euc',
    script,
  ]);
  return stdout;
}

/** What a process has mounted, one line each, in an order of their own. */
export function listMountinfo(pid: number | 'self'): readonly string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').filter(Boolean).sort();
}
