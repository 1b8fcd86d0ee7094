import { execFileSync } from 'node:child_process';

/** Calls that are younger than the headers of Debian 12; since Linux 5.1 a new call has one number everywhere. */
const laterSyscalls: readonly (readonly [string, number])[] = [
  ...(
    [
      ...['cachestat', 'fchmodat2', 'map_shadow_stack', 'futex_wake', 'futex_wait', 'futex_requeue'],
      ...['statmount', 'listmount', 'lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules', 'mseal'],
      ...['setxattrat', 'getxattrat', 'listxattrat', 'removexattrat', 'open_tree_attr'],
      ...['file_getattr', 'file_setattr'],
    ] as const
  ).map((name, index) => [name, 451 + index] as const),
];

const headers = {
  x64: '#include <asm/unistd_64.h>\n',
  // What arch/arm64/include/uapi/asm/unistd.h of the kernel asks of the generic list.
  arm64:
    '#define __ARCH_WANT_RENAMEAT\n#define __ARCH_WANT_NEW_STAT\n#define __ARCH_WANT_SET_GET_RLIMIT\n' +
    '#define __ARCH_WANT_TIME32_SYSCALLS\n#define __ARCH_WANT_SYS_CLONE3\n#define __ARCH_WANT_MEMFD_SECRET\n' +
    '#define __BITS_PER_LONG 64\n#define _ASM_X86_BITSPERLONG_H\n#define _UAPI__ASM_X86_BITSPERLONG_H\n' +
    '#define __ASM_X86_BITSPERLONG_H\n#include <asm-generic/unistd.h>\n',
} as const;

export type SyscallArchitecture = keyof typeof headers;

/** The system calls that the kernel headers of this machine name, with their numbers. */
export function listHeaderSyscalls(architecture: SyscallArchitecture): ReadonlyMap<string, number> {
  const program = headers[architecture];
  const macros = execFileSync('gcc', ['-E', '-dM', '-'], { input: program, encoding: 'utf8' });
  const names = [...macros.matchAll(/^#define __NR_(\w+) /gm)].map(([, name = '']) => name);
  const lines = names.map((name) => `KND ${name} __NR_${name}\n`).join('');
  const expanded = execFileSync('gcc', ['-E', '-P', '-'], { input: program + lines, encoding: 'utf8' });
  const found = [...expanded.matchAll(/^KND (\w+) (?:\()?([0-9]+)\)?$/gm)].map(
    ([, name = '', number = '']) => [name, Number(number)] as const,
  );
  return new Map(found.filter(([name]) => !['syscalls', 'arch_specific_syscall'].includes(name)));
}

/** Those, and the ones that are younger. */
export function listSyscalls(architecture: SyscallArchitecture): ReadonlyMap<string, number> {
  return new Map([...laterSyscalls, ...listHeaderSyscalls(architecture)]);
}
