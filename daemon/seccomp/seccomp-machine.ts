import os from 'node:os';

import { syscallNumbers } from './syscall-numbers.ts';

/** How the kernel and the authors of profiles call an architecture, and its system calls. */
export interface SeccompArchitecture {
  /** `AUDIT_ARCH_*`. */
  readonly audit: number;
  readonly goNames: readonly string[];
  readonly numbers: ReadonlyMap<string, number>;
  /** From this number on the calls are those of another ABI: x32. */
  readonly foreignFrom: number | null;
}

/** Where a filter is to work. */
export interface SeccompMachine {
  readonly architecture: SeccompArchitecture;
  readonly kernel: readonly [major: number, minor: number];
}

/** A number in the list is that of the name behind it; each further name has the next one. */
function readNumbers(list: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of list.split(/\s+/).filter((each) => each !== ''))
    if (/^[0-9]+$/.test(word)) next = Number(word);
    else numbers.set(word, next++);
  return numbers;
}

export function seccompArchitecture(name: string): SeccompArchitecture {
  switch (name) {
    case 'x64':
      return {
        audit: 0xc000_003e,
        goNames: ['amd64'],
        numbers: readNumbers(syscallNumbers.x64),
        foreignFrom: 0x4000_0000,
      };
    case 'arm64':
      return {
        audit: 0xc000_00b7,
        goNames: ['arm64'],
        numbers: readNumbers(syscallNumbers.arm64),
        foreignFrom: null,
      };
    default:
      throw new Error(
        `Cannot filter the system calls of ${name}: run on x86-64 or arm64, or set "seccomp = unconfined"`,
      );
  }
}

/** That of this process. */
export function seccompMachine(): SeccompMachine {
  const [, major = '0', minor = '0'] = /^([0-9]+)\.([0-9]+)/.exec(os.release()) ?? [];
  return { architecture: seccompArchitecture(process.arch), kernel: [Number(major), Number(minor)] };
}
