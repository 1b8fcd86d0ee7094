import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { defaultProfile } from '../../../daemon/seccomp/default-profile.ts';
import { filterOf } from '../../../daemon/seccomp/load-filter.ts';
import { parseProfile } from '../../../daemon/seccomp/parse-profile.ts';
import { seccompArchitecture, type SeccompMachine } from '../../../daemon/seccomp/seccomp-machine.ts';
import { runBpf } from '../../support/run-bpf.ts';
import { skip } from '../../support/skip.ts';

/** Of Debian's package golang-github-containers-common: what Podman gives each container. */
const enginesProfile = '/usr/share/containers/seccomp.json';
const ALLOW = 0x7fff_0000;

/** Values that some rule of either profile looks for, and neighbours of them. */
const values = [
  0n,
  1n,
  2n,
  8n,
  9n,
  10n,
  16n,
  38n,
  40n,
  0x5412n,
  0x541cn,
  0x1000_0000n,
  0x2_0000n,
  0x2_0008n,
].concat([0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0010n, 0x1_0000_0028n, 0x1_0000_5412n, 2n ** 64n - 1n]);

for (const name of ['x64', 'arm64'] as const)
  describe(`defaultProfile on ${name}`, () => {
    const machine: SeccompMachine = { architecture: seccompArchitecture(name), kernel: [6, 1] };
    const { audit, numbers } = machine.architecture;
    const { filter } = filterOf(defaultProfile, machine);
    const decide = (program: Uint8Array, syscall: string, ...args: readonly bigint[]): number =>
      runBpf(program, { audit, number: numbers.get(syscall) ?? -1, args });
    const isAllowed = (syscall: string, ...args: readonly bigint[]): boolean =>
      decide(filter.program, syscall, ...args) === ALLOW;

    it("allows nothing that the container engines' default denies", function () {
      if (!existsSync(enginesProfile)) skip(this, 'the profile of the container engines is not installed');
      const engine = filterOf(parseProfile(readFileSync(enginesProfile, 'utf8')), machine).filter;
      const weaker: string[] = [];
      const compare = (syscall: string, ...args: readonly bigint[]): void => {
        if (isAllowed(syscall, ...args) && decide(engine.program, syscall, ...args) !== ALLOW)
          weaker.push(`${syscall} ${args.join(' ')}`);
      };
      for (const syscall of numbers.keys())
        for (const value of values) {
          compare(syscall, 0n, value);
          for (const third of [0n, 9n, 15n, 16n, 20n]) compare(syscall, value, 0n, third);
        }
      expect(weaker).to.deep.equal([]);
    });

    it('allows no new namespaces', () => {
      expect(isAllowed('clone', 0x11n)).to.equal(true);
      for (const flag of [
        0x2_0000n,
        0x200_0000n,
        0x400_0000n,
        0x800_0000n,
        0x1000_0000n,
        0x2000_0000n,
        0x4000_0000n,
      ])
        expect(isAllowed('clone', flag | 0x11n), flag.toString(16)).to.equal(false);
      expect(decide(filter.program, 'clone3')).to.equal(0x0005_0000 + 38);
      expect(decide(filter.program, 'unshare')).to.equal(0x0005_0000 + 1);
    });

    it('looks at an int as the kernel does, without the upper half of the register', () => {
      const junk = 0x1_0000_0000n;
      expect(isAllowed('socket', 1n)).to.equal(true);
      expect(isAllowed('socket', 40n)).to.equal(false);
      expect(isAllowed('socket', junk + 40n)).to.equal(false);
      expect(isAllowed('socket', 16n, 3n, 0n)).to.equal(true);
      expect(isAllowed('socket', 16n, 3n, 9n)).to.equal(false);
      expect(isAllowed('socket', junk + 16n, 3n, junk + 9n)).to.equal(false);
      expect(isAllowed('ioctl', 0n, 0xae80n)).to.equal(true);
      expect(isAllowed('ioctl', 0n, 0x5412n)).to.equal(false);
      expect(isAllowed('ioctl', 0n, junk + 0x5412n)).to.equal(false);
    });

    it("allows what QEMU's own -sandbox and libvirt's settings need", () => {
      for (const syscall of [
        'seccomp',
        'prctl',
        'execve',
        'mbind',
        'memfd_create',
        'sched_setaffinity',
        'mlockall',
      ])
        expect(isAllowed(syscall), syscall).to.equal(true);
    });

    it('names only system calls that there are', () => {
      const everywhere = new Set([
        ...seccompArchitecture('x64').numbers.keys(),
        ...seccompArchitecture('arm64').numbers.keys(),
      ]);
      const unknown = defaultProfile.entries
        .flatMap(({ names }) => names)
        .filter((each) => !everywhere.has(each));
      expect(unknown).to.deep.equal([]);
    });
  });
