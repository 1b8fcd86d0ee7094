/** `npm run demo`, after demo.sh has installed and built what it needs. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildGuest, guestGreeting } from '../support/guest.ts';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { startLibvirt } from '../support/libvirt-host.ts';
import type { NodeDriver } from '../support/node-driver.ts';
import { startNodeDriver } from '../support/node-driver.ts';
import { readArguments } from '../support/processes.ts';
import { removeLeftovers } from '../support/remove-scratch.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { SerialConsole } from '../support/serial-console.ts';
import type { Check, ComparisonRow } from './comparison.ts';
import { checkIdentity, compareProcesses, listProjectedPaths } from './comparison.ts';
import { Progress } from './progress.ts';
import { renderChecks, renderTable } from './render-report.ts';

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    clean: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  },
});

const listenerPort = 8080;
const vm = { vmUuid: randomUUID(), vmName: 'testvm' };

interface Parts {
  readonly scratch: Scratch;
  readonly pod: Sandbox;
  readonly driver: NodeDriver;
  readonly libvirt: LibvirtHost;
  readonly serialSocket: string;
}

interface Report {
  readonly qemu: number;
  readonly podProcessesBefore: readonly string[];
  readonly podProcessesAfter: readonly string[];
  readonly rows: readonly ComparisonRow[];
  readonly checks: readonly Check[];
  readonly projectedPaths: readonly string[];
}

/** For people; with `--json`, standard output is the document's. */
function say(text: string): void {
  (options.json ? process.stderr : process.stdout).write(text);
}

function describeProcess(pid: number): string {
  return `${pid} ${readArguments(pid).slice(0, 5).join(' ')}`;
}

function findQemu(pod: Sandbox): number {
  const pid = pod.processes.find((each) => readlinkSync(`/proc/${each}/exe`).includes('/qemu-system-'));
  if (pid === undefined) throw new Error("No QEMU runs in the pod's cgroup");
  return pid;
}

async function startParts(scratch: Scratch, progress: Progress): Promise<Parts> {
  const pod = await progress.step('Start the pod of the VM, with runc', () =>
    startSandbox(scratch, { ...vm, listener: { port: listenerPort, body: buildGuest(`pod ${vm.vmUuid}`) } }),
  );
  const driver = await progress.step('Build and start the node driver', () => startNodeDriver(scratch));
  const libvirt = await progress.step('Start a private libvirtd', () => startLibvirt(scratch));
  const serialSocket = `${scratch.runDirectory}/serial.sock`;
  await progress.step('Ask for the capabilities of the emulator', () =>
    libvirt.virsh(['domcapabilities', '--emulatorbin', driver.emulator]),
  );
  await progress.step('Define the domain', () =>
    libvirt.define({
      name: vm.vmName,
      uuid: vm.vmUuid,
      emulator: driver.emulator,
      environment: {
        KUBEVIRT_IO_VM_UUID: vm.vmUuid,
        KUBEVIRT_IO_VM_NAME: vm.vmName,
        KUBEVIRT_IO_SECRET: pod.secret ?? '',
      },
      serialSocket,
      bootUrl: `http://10.0.2.2:${listenerPort}/guest`,
    }),
  );
  return { scratch, pod, driver, libvirt, serialSocket };
}

async function runVm({ pod, libvirt, serialSocket }: Parts, progress: Progress): Promise<Report> {
  const podProcessesBefore = pod.processes.map(describeProcess);
  await progress.step('virsh start', () => libvirt.virsh(['start', vm.vmName]));
  const line = await progress.step("Boot the guest from the pod's listener", async () => {
    const console = await SerialConsole.open(serialSocket);
    try {
      return await console.waitForLine(guestGreeting, 60_000);
    } finally {
      console.close();
    }
  });
  return progress.step('Compare libvirtd, pod and QEMU', () => {
    const qemu = findQemu(pod);
    const requests = pod.hits.filter((hit) => hit.startsWith('GET /guest '));
    return {
      qemu,
      podProcessesBefore,
      podProcessesAfter: pod.processes.map(describeProcess),
      rows: compareProcesses({ libvirtd: libvirt.libvirtd.pid, pod: pod.pid, qemu }),
      checks: [
        ...checkIdentity(qemu, libvirt.account),
        {
          what: "requests that reached the pod's own listener",
          value: requests.join(', '),
          passed: requests.length > 0,
        },
        { what: 'serial console', value: `"${line}"`, passed: line.includes(vm.vmUuid) },
      ],
      projectedPaths: listProjectedPaths({ pod: pod.pid, qemu }),
    };
  });
}

function printReport(report: Report): void {
  const list = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join('');
  say(`\nProcesses in the pod's cgroups before virsh start:\n${list(report.podProcessesBefore)}`);
  say(`and after it:\n${list(report.podProcessesAfter)}`);
  say(`\nNamespaces (as inodes) and cgroups:\n${renderTable(report.rows)}`);
  say(`\nOf libvirt, QEMU sees in the pod's file system only:\n${list(report.projectedPaths)}`);
  say(`\nQEMU:\n${renderChecks(report.checks)}\n`);
}

function printGuide({ scratch, pod, driver, libvirt, serialSocket }: Parts, qemu: number): void {
  say(`
Everything keeps running. To look around:
  virsh --connect '${libvirt.uri}' list
  socat - UNIX-CONNECT:${serialSocket}
  nsenter --target ${qemu} --mount --net --ipc --uts --cgroup ip address    # as QEMU sees it
  runc --root ${scratch.runDirectory}/runc exec --tty ${pod.containerId} /bin/sh
  cat /proc/${qemu}/cgroup
  curl http://127.0.0.1:${driver.httpPort}/metrics
  tail ${driver.logPath} ${libvirt.directory}/log/qemu/${vm.vmName}.log
  sockets of the node driver: ${driver.launchSocket} ${driver.apiSocket}
To remove it:
  npm run demo -- --clean
`);
}

async function runSteps(scratch: Scratch, progress: Progress): Promise<boolean> {
  const parts = await startParts(scratch, progress);
  const report = await runVm(parts, progress);
  const passed = [...report.rows, ...report.checks].every((each) => each.passed);
  printReport(report);
  if (options.keep) {
    printGuide(parts, report.qemu);
  } else {
    await progress.step('virsh destroy', () => parts.libvirt.virsh(['destroy', vm.vmName]));
    await progress.step('Remove everything', () => scratch.close());
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ passed, ...report, steps: progress.steps }, undefined, 2)}\n`);
  }
  const total = progress.steps.reduce((sum, { duration }) => sum + duration, 0);
  say(`${passed ? 'QEMU is in its pod.' : 'QEMU is NOT as it should be: see the lines with NO.'} `);
  say(`${(total / 1000).toFixed(1)} s in all.\n`);
  return passed;
}

/** Closes a scratch on SIGINT and SIGTERM, and then ends the process as the signal would have. */
class Interruption {
  readonly #scratch: Scratch;
  #happened = false;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    process.once('SIGINT', this.#interrupt).once('SIGTERM', this.#interrupt);
  }

  get happened(): boolean {
    return this.#happened;
  }

  forget(): void {
    process.removeListener('SIGINT', this.#interrupt).removeListener('SIGTERM', this.#interrupt);
  }

  readonly #interrupt = (signal: NodeJS.Signals): void => {
    this.#happened = true;
    say('\nInterrupted: removing everything\n');
    this.#scratch
      .close()
      .catch((error: unknown) => say(`${String(error)}\n`))
      .finally(() => {
        this.forget();
        process.kill(process.pid, signal);
      });
  };
}

async function runDemo(): Promise<boolean> {
  const progress = new Progress(options.keep ? 9 : 11, say);
  await progress.step('Remove what an earlier run left', () => removeLeftovers('demo'));
  const scratch = Scratch.open('demo');
  const interruption = new Interruption(scratch);
  try {
    return await runSteps(scratch, progress);
  } catch (error) {
    if (interruption.happened) return false;
    if (!scratch.closed) {
      say(readLogEnd(scratch));
      await scratch.close();
    }
    throw error;
  } finally {
    if (!interruption.happened) interruption.forget();
  }
}

/** The end of the daemon's log, which tells what a failed step could not. */
function readLogEnd(scratch: Scratch): string {
  const path = `${scratch.directory}/node-driver.log`;
  const log = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return log === '' ? '' : `\nThe end of the node driver's log:\n${log.split('\n').slice(-12).join('\n')}\n`;
}

try {
  if (options.clean) {
    const removed = await removeLeftovers('demo');
    say(removed.length > 0 ? `Removed ${removed.join(', ')}\n` : 'There was nothing to remove\n');
  } else if (!(await runDemo())) {
    process.exitCode = 1;
  }
} catch (error) {
  say(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode ??= 1;
}
