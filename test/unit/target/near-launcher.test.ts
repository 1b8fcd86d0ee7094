import { expect } from 'chai';

import type { LauncherCommandLine } from '../../../daemon/target/launcher-command-line.ts';
import { matchesVm } from '../../../daemon/target/matches-vm.ts';
import { nearLauncher } from '../../../daemon/target/near-launcher.ts';

const launcher = (fields: Partial<LauncherCommandLine>): LauncherCommandLine => ({
  program: 'virt-launcher',
  noFork: false,
  ...fields,
});

describe('nearLauncher', () => {
  const cases: readonly [Partial<LauncherCommandLine>, { uuid: string; name?: string }, RegExp | null][] = [
    [{ uuid: 'a-1', name: 'vm' }, { uuid: 'a-1', name: 'vm' }, null],
    [
      { uuid: 'a-1', name: 'vm' },
      { uuid: 'a-1', name: 'other' },
      /^has the uuid, but its name is "vm", not "other"$/u,
    ],
    [{ uuid: 'A1', name: 'vm' }, { uuid: 'a-1' }, /differs in case or dashes/u],
    [
      { uuid: 'b-2', name: 'vm' },
      { uuid: 'a-1', name: 'vm' },
      /^has the name, but its uuid is "b-2", not "a-1"$/u,
    ],
    [{ name: 'vm' }, { uuid: 'a-1' }, /names no uuid/u],
    [{ uuid: 'b-2', name: 'vm' }, { uuid: 'a-1', name: 'other' }, null],
    [{ uuid: 'b-2', name: 'vm' }, { uuid: 'a-1' }, null],
  ];
  for (const [fields, vm, reason] of cases)
    it(`${JSON.stringify(fields)} for ${JSON.stringify(vm)}: ${String(reason)}`, () => {
      const found = nearLauncher(launcher(fields), vm);
      if (reason === null) expect(found).to.equal(null);
      else expect(found).to.match(reason);
      if (matchesVm(launcher(fields), vm)) expect(found).to.equal(null);
    });
});
