import { kindFromProto } from '../api/from-proto.ts';
import type { TargetOutput } from '../api/proto-types.ts';
import type { CommandIo } from './command-io.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { defaultApiSocket, withApiClient } from './with-api-client.ts';

const usage = `Usage: node-driver resolve --uuid UUID [--name NAME] [--socket PATH] [--json]

Asks the daemon which pod of this node belongs to a VM, and prints the process,
the pod, the namespaces and the cgroups that a launch would use.

Options:
  --uuid UUID    UID of the VirtualMachineInstance, which is the domain's uuid
  --name NAME    also wants this VM name
  --socket PATH  the daemon's API, by default
                 ${defaultApiSocket}
  --json         print one line of JSON
  --help         print this text

Exit status: 0 found, 1 not found or refused, 2 wrong usage
`;

/** `node-driver resolve`. Returns the exit status. */
export async function resolveCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('resolve', {
    args: [...args],
    options: {
      uuid: { type: 'string' },
      name: { type: 'string' },
      socket: { type: 'string', default: defaultApiSocket },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const { uuid, name } = values;
  if (uuid === undefined)
    throw new UsageError('Cannot run resolve: --uuid is missing; see node-driver resolve --help');
  const target = await withApiClient(values.socket, (client) =>
    client.resolveTarget(name === undefined ? { uuid } : { uuid, name }),
  );
  io.stdout(values.json ? `${JSON.stringify(toJson(target))}\n` : formatTarget(target));
  return 0;
}

/** Start times and inodes are 64 bits wide and stay text, as in gRPC's own JSON. */
function toJson(target: TargetOutput): unknown {
  return {
    ...target.process,
    vm: target.vm,
    podUID: target.podUid,
    containerID: target.containerId,
    containerInit: target.containerInit,
    namespaces: Object.fromEntries(target.namespaces.map(({ kind, inode }) => [kindFromProto(kind), inode])),
    cgroups: target.cgroups,
    uid: target.uid,
    gid: target.gid,
    groups: target.groups,
  };
}

function formatTarget(target: TargetOutput): string {
  const { process, containerInit, vm } = target;
  return formatTable([
    ['VM UUID', printable(vm?.uuid ?? '') || '-'],
    ['VM name', printable(vm?.name ?? '') || '-'],
    ['Pod UID', target.podUid || 'none'],
    ['Container ID', target.containerId || 'none'],
    ['Process', `${process?.pid ?? '-'} (started at tick ${process?.startTime ?? '-'})`],
    ['Container init', `${containerInit?.pid ?? '-'} (started at tick ${containerInit?.startTime ?? '-'})`],
    ['User', `${target.uid}:${target.gid}${target.groups.map((group) => ` ${group}`).join('')}`],
    ...target.namespaces.map(({ kind, inode }) => [`Namespace ${kindFromProto(kind)}`, inode]),
    ...target.cgroups.map(({ hierarchy, path }) => [`Cgroup ${hierarchy || 'v2'}`, printable(path)]),
  ]);
}
