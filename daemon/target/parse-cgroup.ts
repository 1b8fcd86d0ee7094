import type { CgroupMembership } from './target.ts';

/**
 * Reads the text of `/proc/PID/cgroup`: one `id:controllers:path` a line, see cgroups(7).
 *
 * Only the first two colons separate fields, because a path may hold more of them (containerd names a cgroup
 * `…slice:cri-containerd:ID` when its driver is not the kubelet's). Nothing is stripped from a path: the kernel allows
 * any byte but NUL, newline and `/` in a name, so a carriage return is part of it.
 *
 * @returns the memberships in the order of the lines, none for an empty text; `null` when a line is not what a kernel
 *   writes (fewer than three fields, an id that is no number, a path that is not absolute, a NUL, a blank line between
 *   others).
 */
export function parseCgroup(text: string): readonly CgroupMembership[] | null {
  const lines = text.split('\n');
  // Not a pattern such as /\n+$/, which takes time by the square of the newlines.
  while (lines.at(-1) === '') lines.pop();

  const memberships: CgroupMembership[] = [];
  for (const line of lines) {
    const membership = parseLine(line);
    if (membership === null) return null;
    memberships.push(membership);
  }
  return memberships;
}

function parseLine(line: string): CgroupMembership | null {
  const first = line.indexOf(':');
  const second = line.indexOf(':', first + 1);
  if (first < 0 || second < 0) return null;

  const id = line.slice(0, first);
  const hierarchy = line.slice(first + 1, second);
  const path = line.slice(second + 1);
  if (!/^[0-9]{1,10}$/.test(id) || !path.startsWith('/') || line.includes('\0')) return null;
  return { hierarchy, path };
}
