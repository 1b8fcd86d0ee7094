import type { LaunchStep, LaunchStepTime } from '../machines/launch-step.ts';
import type { LaunchMode, Machine, MachineExit, MachineState } from '../machines/machine.ts';
import { namespaceKinds, type NamespaceKind, type Namespaces } from '../target/target.ts';
import type { CgroupMembership, ProcessIdentity, Target } from '../target/target.ts';
import type * as proto from './proto-types.ts';
import type { LogLevel } from '../observe/log-level.ts';
import { toDuration } from './duration.ts';
import { toTimestamp } from './timestamp.ts';

/** Names of the API's enum values, by the names that the daemon uses. */
export const namespaceKindNames = {
  mnt: 'NAMESPACE_KIND_MNT',
  net: 'NAMESPACE_KIND_NET',
  ipc: 'NAMESPACE_KIND_IPC',
  uts: 'NAMESPACE_KIND_UTS',
  cgroup: 'NAMESPACE_KIND_CGROUP',
  pid: 'NAMESPACE_KIND_PID',
  user: 'NAMESPACE_KIND_USER',
  time: 'NAMESPACE_KIND_TIME',
} as const satisfies Record<NamespaceKind, string>;

const stateNames = {
  starting: 'MACHINE_STATE_STARTING',
  running: 'MACHINE_STATE_RUNNING',
  exited: 'MACHINE_STATE_EXITED',
  lost: 'MACHINE_STATE_LOST',
} as const satisfies Record<MachineState, string>;

const modeNames = {
  fork: 'LAUNCH_MODE_FORK',
  exec: 'LAUNCH_MODE_EXEC',
} as const satisfies Record<LaunchMode, string>;

const exitReasonNames = {
  qemu: 'MACHINE_EXIT_REASON_QEMU',
  'stub-gone': 'MACHINE_EXIT_REASON_STUB_GONE',
  'pod-gone': 'MACHINE_EXIT_REASON_POD_GONE',
  'shim-gone': 'MACHINE_EXIT_REASON_SHIM_GONE',
  oom: 'MACHINE_EXIT_REASON_OOM',
} as const satisfies Record<MachineExit['reason'], string>;

const stepNames = {
  receive: 'LAUNCH_STEP_RECEIVE',
  identify: 'LAUNCH_STEP_IDENTIFY',
  find: 'LAUNCH_STEP_FIND',
  secret: 'LAUNCH_STEP_SECRET',
  kubernetes: 'LAUNCH_STEP_KUBERNETES',
  reserve: 'LAUNCH_STEP_RESERVE',
  lock: 'LAUNCH_STEP_LOCK',
  prepare: 'LAUNCH_STEP_PREPARE',
  'hand-over': 'LAUNCH_STEP_HAND_OVER',
  start: 'LAUNCH_STEP_START',
} as const satisfies Record<LaunchStep, string>;

export const logLevelNames = {
  error: 'LOG_LEVEL_ERROR',
  warn: 'LOG_LEVEL_WARN',
  info: 'LOG_LEVEL_INFO',
  debug: 'LOG_LEVEL_DEBUG',
} as const satisfies Record<LogLevel, string>;

export function targetToProto(target: Target): proto.Target {
  return {
    process: processToProto(target),
    vm: vmToProto(target.vm),
    podUid: target.podUid ?? '',
    containerId: target.containerId ?? '',
    containerInit: processToProto(target.init),
    namespaces: namespacesToProto(target.namespaces),
    cgroups: target.cgroups.map(cgroupToProto),
    uid: target.credentials.uid,
    gid: target.credentials.gid,
    groups: [...target.credentials.groups],
  };
}

export function machineToProto(machine: Machine): proto.Machine {
  const { shim, qemu, exit, steps = [] } = machine;
  return {
    launchId: machine.launchId,
    vm: vmToProto(machine.vm),
    podUid: machine.podUid ?? '',
    containerId: machine.containerId ?? '',
    state: stateNames[machine.state],
    mode: modeNames[machine.mode],
    profile: machine.profile ?? '',
    emulator: machine.emulator,
    stub: processToProto(machine.stub),
    ...(shim && { shim: processToProto(shim) }),
    ...(qemu && { qemu: processToProto(qemu) }),
    target: processToProto(machine.target),
    namespaces: namespacesToProto(machine.namespaces),
    cgroups: machine.cgroups.map(cgroupToProto),
    createdAt: toTimestamp(new Date(machine.createdAt)),
    steps: steps.map(stepToProto),
    ...(exit && { exit: exitToProto(exit) }),
  };
}

function stepToProto({ step, seconds }: LaunchStepTime): proto.LaunchStepTime {
  return { step: stepNames[step], duration: toDuration(seconds) };
}

function exitToProto({ kind, value, reason, at }: MachineExit): proto.MachineExit {
  return {
    ...(kind === 'exit' && value !== undefined && { exitStatus: value }),
    ...(kind === 'signal' && value !== undefined && { signal: value }),
    reason: exitReasonNames[reason],
    at: toTimestamp(new Date(at)),
  };
}

function vmToProto({ uuid, name }: { readonly uuid?: string; readonly name?: string }): proto.VmIdentity {
  return { uuid: uuid ?? '', name: name ?? '' };
}

function processToProto({ pid, startTime }: ProcessIdentity): proto.Process {
  return { pid, startTime: String(startTime) };
}

function cgroupToProto({ hierarchy, path }: CgroupMembership): proto.CgroupMembership {
  return { hierarchy, path };
}

function namespacesToProto(namespaces: Namespaces): proto.Namespace[] {
  return namespaceKinds.flatMap((kind) => {
    const inode = namespaces[kind];
    return inode === undefined ? [] : [{ kind: namespaceKindNames[kind], inode: String(inode) }];
  });
}
