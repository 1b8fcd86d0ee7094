import fs from 'node:fs';

const PID_FS_MAGIC = 0x50494446;

/**
 * Number of a process that no other one gets until the next boot, which its pid is not; `undefined` before Linux 6.9,
 * where all pidfds have one and the same.
 */
export function pidfdInode(pidfd: number): number | undefined {
  if (fs.statfsSync(`/proc/self/fd/${pidfd}`).type !== PID_FS_MAGIC) return undefined;
  const { ino } = fs.fstatSync(pidfd, { bigint: true });
  const inode = Number(ino);
  return Number.isSafeInteger(inode) ? inode : undefined;
}
