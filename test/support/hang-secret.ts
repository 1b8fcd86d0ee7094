import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { skip } from './skip.ts';

/**
 * Mounts a file system that never answers where a pod has its secret. What waits for it comes back at its reader's
 * deadline, or when the scratch is closed. Skips the test where there is no FUSE.
 */
export function hangSecret(context: Mocha.Context, scratch: Scratch, pod: Sandbox): void {
  let fuse: number;
  try {
    fuse = openSync('/dev/fuse', 'r+');
  } catch {
    skip(context, 'there is no /dev/fuse');
  }
  scratch.defer('end the file system', () => closeSync(fuse));
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
  const command = ['-t', String(pod.pid), '-m', 'mount', '-i', '-t', 'fuse', '-o', options, 'none'];
  const { status } = spawnSync('nsenter', [...command, '/etc/kubevirt/node-driver'], {
    stdio: ['ignore', 'ignore', 'inherit', fuse],
  });
  if (status !== 0) skip(context, 'FUSE cannot be mounted here');
}
