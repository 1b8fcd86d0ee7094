import { kindFromProto, wordFromProto } from '../api/from-proto.ts';
import type { MachineExitOutput, MachineOutput, ProcessOutput } from '../api/proto-types.ts';
import { fromTimestamp } from '../api/timestamp.ts';
import type { CommandIo } from './command-io.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { defaultApiSocket, withApiClient } from './with-api-client.ts';

const usage = `Usage: node-driver machines list [--socket PATH] [--json]
       node-driver machines show LAUNCH-ID [--socket PATH] [--json]

Prints the VMs that the daemon of this node started or adopted.

Options:
  --socket PATH  the daemon's API, by default
                 ${defaultApiSocket}
  --json         print one line of JSON for each machine
  --help         print this text

Exit status: 0 printed, 1 no such machine or no answer, 2 wrong usage
`;

/** `node-driver machines`. Returns the exit status. */
export async function machinesCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('machines', {
    args: [...args],
    allowPositionals: true,
    options: {
      socket: { type: 'string', default: defaultApiSocket },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const [action, launchId] = positionals;
  const expected = action === 'list' ? 1 : 2;
  if ((action !== 'list' && action !== 'show') || positionals.length !== expected)
    throw new UsageError(
      'Cannot run machines: say "list", or "show" and a launch id; see node-driver machines --help',
    );

  const machines = await withApiClient(values.socket, async (client) =>
    launchId === undefined ? client.listMachines() : [await client.getMachine(launchId)],
  );
  if (values.json) for (const machine of machines) io.stdout(`${JSON.stringify(toJson(machine))}\n`);
  else io.stdout(launchId === undefined ? formatList(machines) : machines.map(formatMachine).join(''));
  return 0;
}

function toJson(machine: MachineOutput): unknown {
  const { exit } = machine;
  return {
    launchID: machine.launchId,
    vm: machine.vm,
    podUID: machine.podUid,
    containerID: machine.containerId,
    state: wordFromProto(machine.state),
    emulator: machine.emulator,
    stub: machine.stub,
    shim: machine.shim,
    qemu: machine.qemu,
    target: machine.target,
    namespaces: Object.fromEntries(machine.namespaces.map(({ kind, inode }) => [kindFromProto(kind), inode])),
    cgroups: machine.cgroups,
    createdAt: timeOf(machine.createdAt),
    exit: exit && {
      exitStatus: exit.exitStatus,
      signal: exit.signal,
      reason: wordFromProto(exit.reason),
      at: timeOf(exit.at),
    },
  };
}

function formatList(machines: readonly MachineOutput[]): string {
  return formatTable([
    ['LAUNCH ID', 'STATE', 'VM UUID', 'VM NAME', 'POD UID', 'QEMU', 'CREATED'],
    ...machines.map((machine) => [
      machine.launchId,
      wordFromProto(machine.state),
      printable(machine.vm?.uuid ?? ''),
      printable(machine.vm?.name ?? '') || '-',
      machine.podUid || 'none',
      machine.qemu ? String(machine.qemu.pid) : '-',
      timeOf(machine.createdAt) ?? '-',
    ]),
  ]);
}

function formatMachine(machine: MachineOutput): string {
  return formatTable([
    ['Launch ID', machine.launchId],
    ['State', wordFromProto(machine.state)],
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
    ...(machine.exit ? [['Ended', formatExit(machine.exit)]] : []),
    ...machine.namespaces.map(({ kind, inode }) => [`Namespace ${kindFromProto(kind)}`, inode]),
    ...machine.cgroups.map(({ hierarchy, path }) => [`Cgroup ${hierarchy || 'v2'}`, printable(path)]),
  ]);
}

function formatProcess(process: ProcessOutput | null): string {
  return process ? `${process.pid} (started at tick ${process.startTime})` : '-';
}

function formatExit(exit: MachineExitOutput): string {
  const reason = wordFromProto(exit.reason);
  return `${timeOf(exit.at) ?? '-'}, ${outcomeOf(exit)} (${reason})`;
}

function outcomeOf({ outcome, exitStatus, signal }: MachineExitOutput): string {
  if (outcome === 'exitStatus') return `exit status ${exitStatus ?? '-'}`;
  return outcome === 'signal' ? `signal ${signal ?? '-'}` : 'nobody saw how';
}

function timeOf(timestamp: MachineOutput['createdAt']): string | undefined {
  return timestamp ? fromTimestamp(timestamp).toISOString() : undefined;
}
