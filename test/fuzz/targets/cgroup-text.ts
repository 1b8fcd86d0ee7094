import { cgroupIdentity } from '../../../daemon/target/cgroup-identity.ts';
import { containerCgroupPath } from '../../../daemon/target/container-cgroup-path.ts';
import { locateContainer } from '../../../daemon/target/locate-container.ts';
import { parseCgroup } from '../../../daemon/target/parse-cgroup.ts';
import { podCgroups } from '../../../daemon/target/pod-cgroups.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const uid = 'c1f8e7a0-8f2c-4c3e-9d3f-0a1b2c3d4e5f';
const other = '0123abcd-1111-2222-3333-444455556666';
const id = 'ab12'.repeat(16);
const bases = [null, '/', '/kubepods.slice', '/kubepods', '/a/b'] as const;

/** `/proc/PID/cgroup`; the first byte of the input chooses the node's base. */
export const cgroupText: FuzzTarget = {
  name: 'cgroup-text',
  files: [
    'target/parse-cgroup.ts',
    'target/cgroup-identity.ts',
    'target/locate-container.ts',
    'target/container-cgroup-path.ts',
    'target/pod-cgroups.ts',
  ],
  seeds: [
    `\x030::/kubepods/burstable/pod${uid}/${id}\n`,
    `\x020::/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope\n`,
    `\0${['12:pids', '1:name=systemd', '0:'].map((line) => `${line}:/kubepods/pod${uid}/crio-${id}\n`).join('')}`,
    `\x010::/system.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice:cri-containerd:${id}\n`,
    `\0${['4:memory:/kubepods/pod', '0::/kubepods/pod'].map((head, at) => `${head}${at === 0 ? uid : other}/${id}\n`).join('')}`,
    `\x010::/machine.slice/libpod-${id}.scope/container\n0::/docker/${id}\n`,
    `\x010::/docker/${id} (deleted)\n`,
    '\0nothing',
    `\0${'\n'.repeat(30_000)}0::/`,
    '\x04x:y:/z\n',
    `\x020::/kubepods.slice/../kubepods/pod${uid}/${id}\n`,
    '\0',
  ],
  run: (input) => {
    const base = bases[(input[0] ?? 0) % bases.length] ?? null;
    const text = input.toString('utf8', 1);
    const memberships = parseCgroup(text);
    const identity = cgroupIdentity(text, base);
    expectThat(
      (memberships === null) === isRejected(identity, 'malformed'),
      'what is malformed is rejected as such',
    );
    if (memberships === null) return;
    const written = memberships.map(({ hierarchy, path }, at) => `${at}:${hierarchy}:${path}\n`).join('');
    expectThat(
      JSON.stringify(parseCgroup(written)) === JSON.stringify(memberships),
      'memberships read the same when they are written anew',
    );
    if (!('reject' in identity)) {
      expectThat(identity.podUid === null || isUid(identity.podUid), 'a pod has a UID of the right form');
      expectThat(
        identity.containerId === null || /^[0-9a-f]{64}$/.test(identity.containerId),
        'so has a container',
      );
    } else
      expectThat(['malformed', 'deleted', 'conflict'].includes(identity.reject), 'the reason is a known one');
    for (const { path } of memberships) checkPath(path, base);
    for (const { hierarchy, path } of podCgroups(memberships, base))
      expectThat(
        memberships.some(
          (own) => own.hierarchy === hierarchy && `${own.path}/`.startsWith(path === '/' ? path : `${path}/`),
        ),
        "a pod's cgroup is above the process's, or its own",
      );
  },
};

function isRejected(identity: ReturnType<typeof cgroupIdentity>, reason: string): boolean {
  return 'reject' in identity && identity.reject === reason;
}

function isUid(text: string): boolean {
  return /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/.test(text);
}

/** Cgroups that a workload makes below its own change nothing. */
function checkPath(path: string, base: string | null): void {
  const found = locateContainer(path, base);
  expectThat(containerCgroupPath(path, base) === (found?.containerPath ?? null), 'both tell the same path');
  const top = found?.containerPath ?? null;
  if (top === null || found?.podUid === null) return;
  expectThat(path === top || path.startsWith(`${top}/`), 'the path of the container is above its processes');
  for (const made of [`/kubepods/pod${other}/${'0'.repeat(64)}`, `/docker-${'1'.repeat(64)}.scope`])
    expectThat(
      JSON.stringify(locateContainer(`${path}${made}`, base)) === JSON.stringify(found),
      'what a workload makes below its container does not count',
    );
}
