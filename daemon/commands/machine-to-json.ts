import { fromDuration } from '../api/duration.ts';
import { kindFromProto, wordFromProto } from '../api/from-proto.ts';
import type { MachineOutput } from '../api/proto-types.ts';
import { timeOf } from './time-of.ts';

/** A machine as `--json` prints it. Start times and inodes are 64 bits wide and stay text, as in gRPC's own JSON. */
export function machineToJson(machine: MachineOutput): unknown {
  const { exit } = machine;
  return {
    launchID: machine.launchId,
    vm: machine.vm,
    podUID: machine.podUid,
    containerID: machine.containerId,
    state: wordFromProto(machine.state),
    mode: wordFromProto(machine.mode),
    profile: machine.profile,
    emulator: machine.emulator,
    stub: machine.stub,
    shim: machine.shim,
    qemu: machine.qemu,
    target: machine.target,
    namespaces: Object.fromEntries(machine.namespaces.map(({ kind, inode }) => [kindFromProto(kind), inode])),
    cgroups: machine.cgroups,
    createdAt: timeOf(machine.createdAt),
    steps: machine.steps.map(({ step, duration }) => ({
      step: wordFromProto(step),
      milliseconds: Math.round(fromDuration(duration) * 1e6) / 1e3,
    })),
    exit: exit && {
      exitStatus: exit.exitStatus,
      signal: exit.signal,
      reason: wordFromProto(exit.reason),
      at: timeOf(exit.at),
    },
  };
}
