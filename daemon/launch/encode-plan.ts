import type { LaunchPlan } from './launch-plan.ts';

/** Tags of `stub/plan.h`. */
const tag = {
  launchId: 1,
  emulator: 2,
  argument: 3,
  environment: 4,
  cwd: 5,
  uid: 6,
  gid: 7,
  group: 8,
  umask: 9,
  limit: 10,
  oomScoreAdj: 11,
  affinity: 12,
  namespace: 13,
  cgroup: 14,
  cgroupText: 15,
  project: 16,
  fdCount: 17,
  stubGoneGrace: 18,
  podGoneGrace: 19,
  shimCgroup: 20,
  hostMountNamespace: 21,
  deadline: 22,
  monitor: 23,
  seccomp: 24,
  id: 25,
} as const;

const NUL = Buffer.alloc(1);
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

function record(name: keyof typeof tag, ...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(tag[name], 0);
  header.writeUInt32LE(
    parts.reduce((length, part) => length + part.length, 0),
    4,
  );
  return Buffer.concat([header, ...parts]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function string(name: keyof typeof tag, value: string | Uint8Array): Buffer {
  return record(name, typeof value === 'string' ? Buffer.from(value) : value, NUL);
}

/** The binary form of a plan, for the shim's memfd. */
export function encodePlan(plan: LaunchPlan): Buffer {
  const int32 = Buffer.alloc(4);
  int32.writeInt32LE(plan.oomScoreAdj);
  return Buffer.concat([
    string('launchId', plan.launchId),
    string('emulator', plan.emulator),
    string('argument', plan.emulator),
    ...plan.arguments.map((value) => string('argument', value)),
    ...plan.environment.map((value) => string('environment', value)),
    string('cwd', plan.cwd),
    record('uid', u32(plan.uid)),
    record('gid', u32(plan.gid)),
    ...plan.groups.map((group) => record('group', u32(group))),
    ...plan.ids.map(({ kind, id, nodeId }) =>
      record('id', u32(kind === 'user' ? 0 : 1), u32(id), u32(nodeId)),
    ),
    record('umask', u32(plan.umask)),
    ...plan.limits.map(({ resource, soft, hard }) =>
      record('limit', u32(resource), u32(0), u64(soft ?? UNLIMITED), u64(hard ?? UNLIMITED)),
    ),
    record('oomScoreAdj', int32),
    ...(plan.affinity.length > 0 ? [record('affinity', plan.affinity)] : []),
    ...plan.namespaces.map(({ flag, inode }) => record('namespace', u32(flag), u32(0), u64(BigInt(inode)))),
    ...plan.cgroups.map((path) => string('cgroup', path)),
    record('cgroupText', plan.cgroupText),
    ...plan.projections.map(({ path, owned, optional }) =>
      record('project', u32((owned ? 1 : 0) | (optional ? 2 : 0)), Buffer.from(path), NUL),
    ),
    record('fdCount', u32(plan.fdCount)),
    record('stubGoneGrace', u32(plan.stubGoneGraceMs)),
    record('podGoneGrace', u32(plan.podGoneGraceMs)),
    record('deadline', u32(plan.deadlineMs)),
    ...plan.shimCgroups.map((path) => string('shimCgroup', path)),
    ...(plan.hostMountNamespace === null ? [] : [string('hostMountNamespace', plan.hostMountNamespace)]),
    ...(plan.monitorFd === null ? [] : [record('monitor', u32(plan.monitorFd))]),
    ...(plan.seccomp === null
      ? []
      : [record('seccomp', u32(plan.seccomp.flags), u32(0), plan.seccomp.program)]),
  ]);
}
