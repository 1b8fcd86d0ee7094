import type { CompatibilityRow, Observation } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { Stage } from '../stage.ts';
import type { TestMachine } from '../test-machine.ts';
import { VirshClient } from '../virsh-client.ts';
import { waitUntil } from '../../support/wait-until.ts';

const group = 'Clients of libvirt';

/** Has a row work with a machine that it defines or creates itself. */
async function withNewMachine(
  stage: Stage,
  use: (machine: TestMachine) => Promise<Observation>,
): Promise<Observation> {
  const machine = await stage.newMachine();
  try {
    return await use(machine);
  } finally {
    await machine.remove();
  }
}

async function watchEvents(machine: TestMachine, live: () => Promise<void>): Promise<string> {
  const client = new VirshClient(machine.libvirt.uri, ['event', '--loop', '--event', 'lifecycle']);
  try {
    // It does not say when it has connected: it has when it reports something.
    const isWatching = async (): Promise<true | undefined> => {
      await machine.define();
      return client.said.includes('Defined') ? true : undefined;
    };
    await waitUntil('virsh watches', isWatching, 10_000);
    await live();
    await client.waitFor(/ Stopped /);
  } finally {
    await client.kill();
  }
  const events = [...client.said.matchAll(/^event 'lifecycle' for domain (\S+): (.*)$/gm)];
  return events
    .filter(([, name = '', event = '']) => name.includes(machine.name) && !event.startsWith('Defined'))
    .map(([, , event = '']) => event.trim())
    .join(', ');
}

/** What those see who are connected to libvirt, and what becomes of a machine without them. */
export const clientRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'create --autodestroy, and the client is killed',
    run: (stage) =>
      withNewMachine(stage, async (machine) => {
        const command = `create ${machine.writeXml()} --autodestroy\n`;
        const client = new VirshClient(machine.libvirt.uri, [], command);
        try {
          await client.waitFor(/created from|error/);
          const state = await machine.state();
          const { qemu, knownProcess } = machine;
          await client.kill();
          return {
            state,
            after: await machine.waitForState(/no domain/),
            left: await machine.whatIsLeft(qemu, knownProcess),
          };
        } finally {
          await client.kill();
        }
      }),
  },
  {
    group,
    operation: 'event --loop, from the start to the shutdown by the guest',
    run: (stage) =>
      withNewMachine(stage, async (machine) => {
        const events = await watchEvents(machine, async () => {
          await machine.start();
          await machine.heartbeat();
          await machine.do('suspend');
          await machine.do('resume');
          await machine.press('q');
        });
        return { events };
      }),
  },
  {
    group,
    operation: 'destroy of a machine that an earlier libvirtd started',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        await stage.libvirt.endLibvirtd('SIGKILL');
        await stage.libvirt.startLibvirtd();
        await machine.waitForState(/running/);
        return {
          destroy: describeResult(await machine.virsh('destroy')),
          state: await machine.state(),
          left: await machine.whatIsLeft(qemu, knownProcess),
          again: describeResult(await machine.virsh('start')),
        };
      }),
  },
  {
    group,
    operation: 'start of a domain that QEMU itself refuses',
    run: (stage) =>
      withNewMachine(stage, async (machine) => {
        const argument = "<qemu:arg value='-no-such-option'/></qemu:commandline>";
        await stage.libvirt.define(machine.xml.replace('</qemu:commandline>', argument));
        const result = await machine.virsh('start');
        const isShown = result.stderr.includes('-no-such-option: invalid option');
        return {
          result: describeResult(result),
          "QEMU's words": isShown ? 'shown' : 'missing',
          state: await machine.state(),
          left: await machine.whatIsLeft(),
        };
      }),
  },
  {
    group,
    operation: 'domcapabilities',
    run: async (stage) => {
      const { emulator } = await stage.shared();
      const ask = async (path: string): Promise<string> => {
        const args = ['domcapabilities', '--virttype', 'qemu', '--emulatorbin', path];
        return (await stage.libvirt.virsh(args)).stdout.replaceAll(path, 'EMULATOR');
      };
      const own = await ask(emulator);
      const isSame = own === (await ask('/usr/bin/qemu-system-x86_64'));
      return {
        path: own.includes('<path>EMULATOR</path>') ? 'as given' : 'another',
        capabilities: isSame ? "QEMU's" : "not QEMU's",
      };
    },
  },
];
