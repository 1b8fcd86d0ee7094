import { kindFromProto, wordFromProto } from '../api/from-proto.ts';
import { fromDuration } from '../api/duration.ts';
import type {
  LaunchStepTimeOutput,
  MachineExitOutput,
  MachineOutput,
  ProcessOutput,
  WatchMachinesOutput,
} from '../api/proto-types.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import { timeOf } from './time-of.ts';

/** Machines as a table, one a line. */
export function formatMachineList(machines: readonly MachineOutput[]): string {
  return formatTable([
    ['LAUNCH ID', 'STATE', 'MODE', 'PROFILE', 'VM UUID', 'VM NAME', 'POD UID', 'QEMU', 'CREATED'],
    ...machines.map((machine) => [
      machine.launchId,
      wordFromProto(machine.state),
      wordFromProto(machine.mode),
      printable(machine.profile) || '-',
      printable(machine.vm?.uuid ?? ''),
      printable(machine.vm?.name ?? '') || '-',
      machine.podUid || 'none',
      machine.qemu ? String(machine.qemu.pid) : '-',
      timeOf(machine.createdAt) ?? '-',
    ]),
  ]);
}

/** Everything about one machine. */
export function formatMachine(machine: MachineOutput): string {
  return (
    formatTable([
      ['Launch ID', machine.launchId],
      ['State', wordFromProto(machine.state)],
      ['Mode', wordFromProto(machine.mode)],
      ['Profile', printable(machine.profile) || 'none'],
      ['VM UUID', printable(machine.vm?.uuid ?? '')],
      ['VM name', printable(machine.vm?.name ?? '') || '-'],
      ['Pod UID', machine.podUid || 'none'],
      ['Container ID', machine.containerId || 'none'],
      ['Emulator', printable(machine.emulator)],
      ['Stub', formatProcess(machine.stub)],
      ['Shim', formatProcess(machine.shim)],
      ['QEMU', formatProcess(machine.qemu)],
      ['Target', formatProcess(machine.target)],
      ['Created', timeOf(machine.createdAt) ?? '-'],
      ...(machine.exit ? [['Ended', `${timeOf(machine.exit.at) ?? '-'}, ${formatExit(machine.exit)}`]] : []),
      ...machine.namespaces.map(({ kind, inode }) => [`Namespace ${kindFromProto(kind)}`, inode]),
      ...machine.cgroups.map(({ hierarchy, path }) => [`Cgroup ${hierarchy || 'v2'}`, printable(path)]),
    ]) + formatSteps(machine.steps)
  );
}

/** How long the launch took, its steps in milliseconds. */
function formatSteps(steps: readonly LaunchStepTimeOutput[]): string {
  if (steps.length === 0) return '\nHow long its launch took is not known.\n';
  const times = steps.map(({ step, duration }) => ({
    name: wordFromProto(step),
    milliseconds: fromDuration(duration) * 1000,
  }));
  const all = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const rows = [...times, { name: 'in all', milliseconds: all }].map(({ name, milliseconds }) => ({
    name,
    text: milliseconds.toFixed(1),
  }));
  const width = Math.max(2, ...rows.map(({ text }) => text.length));
  return `\n${formatTable([
    ['LAUNCH STEP', 'ms'.padStart(width)],
    ...rows.map(({ name, text }) => [name, text.padStart(width)]),
  ])}`;
}

/** Head of the lines that {@link formatMachineEvent} makes. */
export function formatMachineEventHead(): string {
  return alignEvent(['EVENT', 'STATE', 'LAUNCH ID', 'VM UUID', 'QEMU', 'VM NAME']);
}

/** One event of a watch as one line; empty for the end of the list, which a person sees anyway. */
export function formatMachineEvent({ type, machine }: WatchMachinesOutput): string {
  if (machine === null) return '';
  const { vm, state, qemu, exit } = machine;
  return alignEvent([
    wordFromProto(type),
    wordFromProto(state),
    machine.launchId,
    printable(vm?.uuid ?? ''),
    qemu ? String(qemu.pid) : '-',
    printable(vm?.name ?? '') || '-',
    exit ? formatExit(exit) : '',
  ]);
}

/** Columns of fixed widths: the lines that are still to come are not known. */
function alignEvent(cells: readonly string[]): string {
  const widths = [8, 8, 36, 36, 7];
  const line = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return `${line.trimEnd()}\n`;
}

function formatProcess(process: ProcessOutput | null): string {
  return process ? `${process.pid} (started at tick ${process.startTime})` : '-';
}

function formatExit(exit: MachineExitOutput): string {
  return `${outcomeOf(exit)} (${wordFromProto(exit.reason)})`;
}

function outcomeOf({ outcome, exitStatus, signal }: MachineExitOutput): string {
  if (outcome === 'exitStatus') return `exit status ${exitStatus ?? '-'}`;
  return outcome === 'signal' ? `signal ${signal ?? '-'}` : 'nobody saw how';
}
