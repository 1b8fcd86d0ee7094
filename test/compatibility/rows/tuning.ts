import { readFileSync, readdirSync } from 'node:fs';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { TestMachine } from '../test-machine.ts';
import { waitUntil } from '../../support/wait-until.ts';

const group = 'Tuning';

/** The CPUs that threads of QEMU may run on, by the thread's name; `*` stands for the process. */
function readAffinity(machine: TestMachine, name: RegExp): string {
  const { pid } = machine.qemu;
  const found = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const comm = /^Name:\t(.*)$/m.exec(status)?.[1] ?? '';
    return name.test(comm) ? [/^Cpus_allowed_list:\t(.*)$/m.exec(status)?.[1] ?? ''] : [];
  });
  return found.join(' ') || 'no such thread';
}

function readProcessAffinity(pid: number): string {
  return /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

async function readThread(machine: TestMachine): Promise<string> {
  const answer = await machine.do('qemu-monitor-command', '{"execute":"query-cpus-fast"}');
  const thread = /"thread-id":(\d+)/.exec(answer)?.[1] ?? '';
  return readdirSync(`/proc/${machine.qemu.pid}/task`).includes(thread) ? "QEMU's own" : 'of nothing there';
}

/** What libvirt does to threads and to the size of a machine. */
export const tuningRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'vcpupin --live',
    run: async (stage) => {
      const machine = await stage.shared();
      const result = await machine.virsh('vcpupin', '0', '0', '--live');
      const pinned = readAffinity(machine, /^CPU 0/);
      await machine.do('vcpupin', '0', '0-1', '--live');
      return { result: describeResult(result), thread: await readThread(machine), pinned };
    },
  },
  {
    group,
    operation: 'emulatorpin --live',
    run: async (stage) => {
      const machine = await stage.shared();
      const result = await machine.virsh('emulatorpin', '0', '--live');
      const pinned = readProcessAffinity(machine.qemu.pid);
      await machine.do('emulatorpin', '0-1', '--live');
      return { result: describeResult(result), QEMU: pinned };
    },
  },
  {
    group,
    operation: '<cputune> with pins, at the start',
    run: async (stage) => {
      const machine = await stage.newMachine();
      const pins =
        "<cputune><vcpupin vcpu='0' cpuset='1'/><emulatorpin cpuset='0'/><iothreadpin iothread='1' cpuset='1'/></cputune>";
      try {
        await stage.libvirt.define(machine.xml.replace('<os>', `${pins}<os>`));
        const result = await machine.virsh('start');
        if (result.status !== 0) return { result: describeResult(result) };
        return {
          result: describeResult(result),
          vcpu: readAffinity(machine, /^CPU 0/),
          iothread: readAffinity(machine, /^IO iothread/),
          emulator: readProcessAffinity(machine.qemu.pid),
        };
      } finally {
        await machine.remove();
      }
    },
  },
  {
    group,
    operation: 'iothreadinfo, iothreadpin',
    run: async (stage) => {
      const machine = await stage.shared();
      const info = await machine.virsh('iothreadinfo');
      const pin = await machine.virsh('iothreadpin', '1', '1', '--live');
      return {
        threads: String([...info.stdout.matchAll(/^\s*\d+\s+[\d,-]+$/gm)].length),
        pin: describeResult(pin),
        pinned: readAffinity(machine, /^IO iothread/),
      };
    },
  },
  {
    group,
    operation: 'iothreadadd, iothreaddel',
    run: async (stage) => {
      const machine = await stage.shared();
      const add = await machine.virsh('iothreadadd', '7', '--live');
      const info = await machine.virsh('iothreadinfo');
      const remove = await machine.virsh('iothreaddel', '7', '--live');
      return {
        add: describeResult(add),
        threads: String([...info.stdout.matchAll(/^\s*\d+\s+[\d,-]+$/gm)].length),
        remove: describeResult(remove),
      };
    },
  },
  {
    group,
    operation: 'setvcpus --live',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const result = await machine.virsh('setvcpus', '2', '--live');
        return {
          result: describeResult(result),
          threads: String(readAffinity(machine, /^CPU \d/).split(' ').length),
          count: (await machine.do('vcpucount', '--live', '--active')).trim(),
        };
      }),
  },
  {
    group,
    operation: 'setmem --live',
    run: async (stage) => {
      const machine = await stage.shared();
      const result = await machine.virsh('setmem', '48M', '--live');
      const reached = async (): Promise<true | undefined> =>
        /^actual 49152$/m.test(await machine.do('dommemstat')) ? true : undefined;
      const actual = await waitUntil('the balloon is filled', reached, 5000).then(
        () => '48 MiB',
        () => 'unchanged',
      );
      await machine.do('setmem', '64M', '--live');
      return { result: describeResult(result), actual };
    },
  },
  {
    group,
    operation: 'setmaxmem --live, --config',
    run: async (stage) => {
      const machine = await stage.shared();
      return {
        live: describeResult(await machine.virsh('setmaxmem', '96M', '--live')),
        config: describeResult(await machine.virsh('setmaxmem', '64M', '--config')),
      };
    },
  },
  {
    group,
    operation: 'numatune, perf, numa of a running domain',
    run: async (stage) => {
      const machine = await stage.shared();
      return {
        numatune: describeResult(await machine.virsh('numatune')),
        perf: describeResult(await machine.virsh('perf')),
      };
    },
  },
];
