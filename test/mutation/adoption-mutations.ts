import type { Mutation } from './mutation.ts';

const supervisor = 'test/integration/machines/machine-supervisor.test.ts';
const file = 'daemon/machines/machine-supervisor.ts';

/** Of the machines of an earlier daemon, as the next one finds them. */
export const adoptionMutations: readonly Mutation[] = [
  {
    name: 'lost-machines-run-on',
    rows: ['SV-1', 'SV-7'],
    file,
    search: '    if (machine.qemu !== undefined) this.#processes',
    replace: '    if (machine.qemu?.pid === 0) this.#processes',
    tests: [supervisor],
    grep: 'QEMU without its shim is killed',
  },
  {
    name: 'machines-that-start-are-lost',
    rows: ['SV-1'],
    file,
    search:
      '      if (this.#processes.isThere(launchId)) void this.#lookForShim(launchId);\n      else this.#shimGone(launchId);',
    replace: '      this.#shimGone(launchId);',
    tests: [supervisor],
    grep: 'a shim that is still starting is waited for',
  },
  {
    name: 'machines-under-way-are-forgotten',
    rows: ['SV-1'],
    file,
    search: '          if (this.#isClosed)\n            reject(',
    replace: '          if (this.#isClosed && started)\n            reject(',
    tests: [supervisor],
    grep: 'a launch that is under way stays on record',
  },
  {
    name: 'ends-are-told-again',
    rows: ['SV-2', 'SV-4'],
    file,
    search: '      this.#end(launchId, exit);\n      this.#remains.remove(launchId);\n',
    replace: '      this.#end(launchId, exit);\n',
    tests: [supervisor],
    grep: 'an end in between is told once',
  },
  {
    name: 'machines-of-another-boot',
    rows: ['SV-12'],
    file,
    search: '    if (record?.bootId !== bootId) {',
    replace: "    if (record === null || (record.bootId !== bootId && bootId === '')) {",
    tests: [supervisor],
    grep: 'what is of another boot',
  },
  {
    name: 'machines-of-another-release-are-discarded',
    rows: ['SV-3'],
    file,
    search:
      'if (this.#processes.isThere(launchId) && this.#readExit(launchId) === null)\n        throw new Error',
    replace: 'if (this.#processes.isThere(launchId) && record !== null)\n        throw new Error',
    tests: [supervisor],
    grep: 'a record that this release cannot read',
  },
];
