import { expect } from 'chai';
import { seccompArchitecture } from '../../../daemon/seccomp/seccomp-machine.ts';
import { listHeaderSyscalls } from '../../seccomp/list-syscalls.ts';
import { skip } from '../../support/skip.ts';

describe('syscallNumbers', () => {
  for (const architecture of ['x64', 'arm64'] as const)
    it(`has each call of ${architecture} in this kernel's headers (else run: node test/seccomp/write-syscall-numbers.ts)`, function () {
      // A header for another architecture than the machine's is the generic one; that of x86-64 is only here.
      if (architecture === 'x64' && process.arch !== 'x64')
        skip(this, 'the headers of x86-64 are only on such a machine');
      const { numbers } = seccompArchitecture(architecture);
      const missing = [...listHeaderSyscalls(architecture)].filter(
        ([name, number]) => numbers.get(name) !== number,
      );
      expect(missing).to.deep.equal([]);
      expect(numbers.size).to.be.greaterThan(300);
    });

  it('knows the numbers that everybody knows', () => {
    const numbers = (architecture: string, ...names: readonly string[]): readonly unknown[] =>
      names.map((name) => seccompArchitecture(architecture).numbers.get(name));
    expect(numbers('x64', 'read', 'execve', 'openat2', 'fork')).to.deep.equal([0, 59, 437, 57]);
    expect(numbers('arm64', 'read', 'execve', 'openat2', 'fork')).to.deep.equal([63, 221, 437, undefined]);
  });

  it('refuses an architecture that it has no numbers for', () => {
    expect(() => seccompArchitecture('s390x')).to.throw(
      /^Cannot filter the system calls of s390x: .*; .*|, or set/,
    );
  });
});
