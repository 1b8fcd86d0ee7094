import { parseLauncherCommandLine } from '../../../daemon/target/launcher-command-line.ts';
import { matchesVm } from '../../../daemon/target/matches-vm.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const vm = { uuid: 'c1f8e7a0-8f2c-4c3e-9d3f-0a1b2c3d4e5f', name: 'default_testvm' };

/** `/proc/PID/cmdline` of any process of the node. */
export const launcherArguments: FuzzTarget = {
  name: 'launcher-arguments',
  files: ['target/launcher-command-line.ts', 'target/matches-vm.ts'],
  seeds: [
    `/usr/bin/virt-launcher\0--name\0testvm\0--uid\0${vm.uuid}\0--namespace\0default\0`,
    `virt-launcher-monitor\0-kubevirt.vm.uuid=${vm.uuid}\0--kubevirt.vm.name\0default_testvm\0--no-fork\0`,
    `virt-launcher\0--uid\0a\0--uid\0b\0`,
    `virt-launcher\0--no-fork=false\0-x=\0---\0--\0--uid\0${vm.uuid}`,
    `virt-launcher\0--name=\0--namespace=default\0--name`,
    `grep\0${vm.uuid}\0`,
    Buffer.from('virt-launcher\0\xff', 'latin1'),
  ],
  run: (input) => {
    const launcher = parseLauncherCommandLine(input);
    if (launcher === null) return;
    const elements = input.toString('utf8').split('\0');
    for (const value of [launcher.uuid, launcher.name, launcher.namespace])
      expectThat(
        value === undefined ||
          (value !== '' && elements.some((element) => element === value || element.endsWith(`=${value}`))),
        'a value is a whole element, or all behind its =',
      );
    expectThat(elements[0]?.split('/').at(-1) === launcher.program, 'the program is the first element');
    const matches = matchesVm(launcher, vm);
    expectThat(!matches || launcher.uuid === undefined || launcher.uuid === vm.uuid, 'no other UUID matches');
    expectThat(
      !matches || launcher.uuid !== undefined || launcher.name !== undefined,
      'nothing matches nothing',
    );
    const byUuid = matchesVm(launcher, { uuid: vm.uuid });
    expectThat(byUuid === (launcher.uuid === vm.uuid), 'without a name, the UUID decides');
  },
};
