/** Makes daemon/seccomp/syscall-numbers.ts of the kernel headers of this machine. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listSyscalls, type SyscallArchitecture } from './list-syscalls.ts';

const WIDTH = 108;

function render(architecture: SyscallArchitecture): string {
  let next = 0;
  const words: string[] = [];
  for (const [name, number] of [...listSyscalls(architecture)].sort(([, a], [, b]) => a - b)) {
    if (number !== next) words.push(String(number));
    words.push(name);
    next = number + 1;
  }
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH) lines.push(`${lines.pop() ?? ''} ${word}`);
    else lines.push(`    ${word}`);
  }
  return `  ${architecture}: \`\n${lines.join('\n')}\n  \`,\n`;
}

const text = `// Written by test/seccomp/write-syscall-numbers.ts from the headers of the kernel.

/**
 * The system calls of each architecture, in the order of their numbers: each has the next one, and the first 0; a number
 * in the list is that of the name behind it.
 */
export const syscallNumbers = {
${render('x64')}${render('arm64')}} as const;
`;
writeFileSync(join(import.meta.dirname, '../../daemon/seccomp/syscall-numbers.ts'), text);
