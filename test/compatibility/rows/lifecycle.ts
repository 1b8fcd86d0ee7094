import { readdirSync } from 'node:fs';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import { isRunning, signalProcess } from '../../support/processes.ts';

const group = 'Life';
const ROUNDS = 20;

/** Starting, ending and restarting. */
export const lifecycleRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'define, start, start again',
    run: (stage) =>
      stage.withMachine(async (machine) => ({
        state: await machine.state(),
        emulator: isRunning(machine.qemu) ? 'runs' : 'does not run',
        again: (await machine.virsh('start')).status === 0 ? 'done' : 'refused',
      })),
  },
  {
    group,
    operation: 'create (a transient domain), destroy',
    run: async (stage) => {
      const machine = await stage.newMachine();
      try {
        const create = await stage.libvirt.virsh(['create', machine.writeXml()], { allowFailure: true });
        const state = await machine.state();
        const { qemu, knownProcess } = machine;
        const destroy = await machine.virsh('destroy');
        return {
          create: describeResult(create),
          state,
          destroy: describeResult(destroy),
          after: await machine.state(),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      } finally {
        await machine.remove();
      }
    },
  },
  ...(['', '--graceful'] as const).map((option): CompatibilityRow => ({
    group,
    operation: `destroy ${option}`.trim(),
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        const result = await machine.virsh('destroy', ...(option === '' ? [] : [option]));
        return {
          result: describeResult(result),
          state: await machine.state(),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      }),
  })),
  {
    group,
    operation: 'shutdown --mode acpi',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        const result = await machine.virsh('shutdown', '--mode', 'acpi');
        return {
          result: describeResult(result),
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      }),
  },
  {
    group,
    operation: 'shutdown --mode agent',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        await machine.waitForAgent();
        // The agent does not answer: whether virsh hears of the shutdown or of a lost connection first is chance.
        await machine.virsh('shutdown', '--mode', 'agent');
        return {
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      }),
  },
  {
    group,
    operation: 'shutdown by the guest',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        await machine.press('q');
        return {
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      }),
  },
  ...(['reboot', 'reset'] as const).map((command): CompatibilityRow => ({
    group,
    operation: command,
    run: async (stage) => {
      const machine = await stage.shared();
      const { qemu } = machine;
      const before = await machine.heartbeat();
      const result = await machine.virsh(command, ...(command === 'reboot' ? ['--mode', 'acpi'] : []));
      let guest = '';
      for (let tries = 0; tries < 10 && guest !== 'rebooted'; tries++) guest = await machine.since(before);
      return {
        result: describeResult(result),
        guest,
        state: await machine.state(),
        emulator: isRunning(qemu) ? 'the same' : 'another',
      };
    },
  })),
  {
    group,
    operation: 'reboot by the guest',
    run: async (stage) => {
      const machine = await stage.shared();
      const { qemu } = machine;
      const before = await machine.heartbeat();
      await machine.press('r');
      return { guest: await machine.since(before), emulator: isRunning(qemu) ? 'the same' : 'another' };
    },
  },
  {
    group,
    operation: 'suspend, resume',
    run: async (stage) => {
      const machine = await stage.shared();
      const before = await machine.heartbeat();
      const suspend = describeResult(await machine.virsh('suspend'));
      const suspended = await machine.state();
      const silent = await machine.heartbeat(1500).then(
        () => 'runs',
        () => 'silent',
      );
      const resume = describeResult(await machine.virsh('resume'));
      return {
        suspend,
        suspended,
        silent,
        resume,
        state: await machine.state(),
        guest: await machine.since(before),
      };
    },
  },
  {
    group,
    operation: 'kill -9 of the emulator',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        signalProcess(qemu, 'SIGKILL');
        return {
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(qemu, knownProcess),
          again: describeResult(await machine.virsh('start')),
        };
      }),
  },
  {
    group,
    operation: 'kill -9 of the process that libvirt knows',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const { qemu, knownProcess } = machine;
        signalProcess(knownProcess, 'SIGKILL');
        return {
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(qemu, knownProcess),
        };
      }),
  },
  {
    group,
    operation: 'start --autodestroy, and the client goes away',
    run: async (stage) => {
      const machine = await stage.newMachine();
      try {
        await machine.define();
        // The connection of virsh ends with it.
        const result = await machine.virsh('start', '--autodestroy');
        return {
          result: describeResult(result),
          state: await machine.waitForState(/shut off/),
          left: await machine.whatIsLeft(),
        };
      } finally {
        await machine.remove();
      }
    },
  },
  ...(['SIGTERM', 'SIGKILL'] as const).map((signal): CompatibilityRow => ({
    group,
    operation: `restart of libvirtd after ${signal}`,
    run: async (stage) => {
      const machine = await stage.shared();
      const { qemu } = machine;
      const before = await machine.heartbeat();
      await stage.libvirt.endLibvirtd(signal);
      await stage.libvirt.startLibvirtd();
      const state = await machine.waitForState(/running/);
      const monitor = await machine.virsh('qemu-monitor-command', '{"execute":"query-status"}');
      return {
        state: state.replace(/\(.*\)/, '').trim(),
        emulator: isRunning(qemu) ? 'the same' : 'another',
        monitor: /"status":\s*"(\w+)"/.exec(monitor.stdout)?.[1] ?? describeResult(monitor),
        guest: await machine.since(before),
      };
    },
  })),
  {
    group,
    operation: `${ROUNDS} starts and stops in a row`,
    run: async (stage) => {
      const machine = await stage.newMachine();
      const countFds = (): number => {
        const pids = [
          stage.libvirt.libvirtd.pid,
          ...(stage.driver === undefined ? [] : [stage.driver.process.pid]),
        ];
        return pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
      };
      try {
        await machine.define();
        const failures: string[] = [];
        let fds = 0;
        for (let round = 0; round < ROUNDS; round++) {
          const started = await machine.virsh('start');
          const destroyed = await machine.virsh('destroy');
          failures.push(
            ...[started, destroyed]
              .filter(({ status }) => status !== 0)
              .map(({ stderr }) => `round ${round}: ${stderr.trim()}`),
          );
          if (round === 1) fds = countFds();
        }
        const left = await machine.whatIsLeft();
        // A client or two more or less.
        return {
          rounds: failures.length === 0 ? String(ROUNDS) : failures.join('; '),
          left,
          fds: countFds() - fds < ROUNDS / 2 ? 'as many as before' : 'more',
        };
      } finally {
        await machine.remove();
      }
    },
  },
  {
    group,
    operation: 'undefine of a running domain',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const result = await machine.virsh('undefine');
        return {
          result: describeResult(result),
          state: await machine.state(),
          again: await defineAgain(machine),
        };
      }),
  },
];

async function defineAgain(machine: { define: () => Promise<void> }): Promise<string> {
  return machine.define().then(
    () => 'done',
    (error: unknown) => String(error),
  );
}
