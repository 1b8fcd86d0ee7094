import type { V1Container } from '@kubernetes/client-node';
import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { machine } from 'node:os';
import { join } from 'node:path';
import { listCgroupParents } from '../../support/cgroups.ts';
import { startContainerd, type Containerd } from '../../support/containerd.ts';
import { buildImage } from '../../support/image.ts';
import { keepPresent } from '../../support/daemon-set.ts';
import {
  findDaemonContainer,
  findDaemonSet,
  readInstallManifests,
  type Plain,
} from '../../support/manifests.ts';
import { describeOnNode } from '../../support/own-node.ts';
import { readNamespace, readStatusFields } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const image = 'docker.io/library/kubevirt-node-driver:test';
/** What `ctr` gives to a container that asks for nothing. */
const ctrCapabilities = [
  ...[
    'CHOWN',
    'DAC_OVERRIDE',
    'FSETID',
    'FOWNER',
    'MKNOD',
    'NET_RAW',
    'SETGID',
    'SETUID',
    'SETFCAP',
    'SETPCAP',
  ],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
].map((name) => `CAP_${name}`);

describeOnNode(import.meta.filename, 'the image', function () {
  this.timeout(240_000);
  let scratch: Scratch;
  let containerd: Containerd;

  before(async () => {
    scratch = Scratch.open('test');
    const archive = await buildImage(scratch, image);
    containerd = await startContainerd(scratch);
    await containerd.ctr(['images', 'import', archive]);
  });
  after(() => scratch.close());

  /** The flags of `ctr run` that come to what the kubelet asks of containerd for a container of the DaemonSet. */
  const flags = (
    container: Plain<V1Container>,
    sources: Readonly<Record<string, string>>,
  ): readonly string[] => {
    const { securityContext, volumeMounts = [] } = container;
    const wanted = keepPresent(securityContext?.capabilities?.add ?? []);
    const mounts = volumeMounts.map(({ name, mountPath, readOnly }) => {
      const source = sources[name];
      if (source === undefined) throw new Error(`The volume "${name}" is new: give it a source here`);
      return `type=bind,src=${source},dst=${mountPath},options=rbind:${readOnly === true ? 'ro' : 'rw'}`;
    });
    expect(securityContext).to.deep.include({ allowPrivilegeEscalation: true, readOnlyRootFilesystem: true });
    return [
      '--read-only',
      '--allow-new-privs',
      '--seccomp',
      ...['--with-ns', 'pid:/proc/1/ns/pid'],
      ...wanted.filter((name) => !ctrCapabilities.includes(name)).flatMap((name) => ['--cap-add', name]),
      ...ctrCapabilities.filter((name) => !wanted.includes(name)).flatMap((name) => ['--cap-drop', name]),
      ...mounts.flatMap((mount) => ['--mount', mount]),
    ];
  };

  it('installs the stub in the init container of the DaemonSet', async () => {
    const emulators = join(scratch.directory, 'emulators');
    mkdirSync(emulators, { mode: 0o755 });
    const [init] = findDaemonSet(readInstallManifests()).spec?.template.spec?.initContainers ?? [];
    if (init === undefined) throw new Error('The DaemonSet has no init container');
    // The node's path is the test's, and so is the group, which this machine may have no user of.
    const args = (init.args ?? []).filter((each) => !each.startsWith('--node-target='));
    const { stdout } = await containerd.ctr([
      ...['run', '--rm', ...flags(init, { proc: '/proc', emulators }), image, 'install'],
      ...['node-driver', ...args, `--node-target=${emulators}`, '--group=4207', '--local=/bin/sh', '--json'],
    ]);
    const stub = join(emulators, 'default', `qemu-system-${machine()}`);
    expect(JSON.parse(stdout)).to.include({ emulator: stub, stub: 'installed', local: 'linked' });
    const { uid, gid, mode } = statSync(stub);
    expect({ uid, gid, mode: mode.toString(8) }).to.deep.equal({ uid: 0, gid: 4207, mode: '104750' });
    expect((await runCommand(stub, ['--version'])).status).to.equal(0);
  });

  it('becomes ready in containerd with what the DaemonSet gives it, and ends with 0 on SIGTERM', async function () {
    const runDirectory = join(scratch.runDirectory, 'driver');
    const config = join(scratch.directory, 'config');
    for (const directory of [runDirectory, config, join(scratch.directory, 'state')]) mkdirSync(directory);
    writeFileSync(
      join(config, 'qemu-kube.conf'),
      'proc = /host/proc\nhttp-address = 0.0.0.0:9409\nlaunch-group = 0\n',
    );
    for (const path of listCgroupParents('/kubevirt-node-driver/launch')) scratch.claimDirectory(path);
    const container = findDaemonContainer(findDaemonSet(readInstallManifests()));
    expect(container.securityContext?.privileged).to.equal(false);
    const log = join(scratch.directory, 'daemon.log');
    const begin = performance.now();
    await containerd.ctr([
      'run',
      '--detach',
      ...['--log-uri', `file://${log}`],
      ...flags(container, {
        config,
        proc: '/proc',
        run: runDirectory,
        state: join(scratch.directory, 'state'),
      }),
      image,
      'daemon',
    ]);
    scratch.defer('remove the container', async () => {
      await containerd.ctr(['task', 'kill', '--signal', 'KILL', 'daemon'], { allowFailure: true });
      await containerd.ctr(['task', 'rm', '--force', 'daemon'], { allowFailure: true });
      await containerd.ctr(['container', 'rm', 'daemon'], { allowFailure: true });
    });
    const pid = await findTask('daemon');
    // The container has a network of its own, in which Kubernetes would put an interface.
    const get = (path: string): Promise<string> =>
      readInNetwork(pid, `http://127.0.0.1:9409${path}`).catch((error: unknown) => String(error));
    await runCommand('nsenter', ['-t', String(pid), '-n', 'ip', 'link', 'set', 'lo', 'up'], {
      allowFailure: true,
    });
    await waitUntil(
      'the daemon is ready',
      async () => {
        if (!existsSync(`/proc/${pid}`)) throw new Error(`The daemon ended: ${readFileSync(log, 'utf8')}`);
        return (await get('/readyz')).startsWith('200') ? true : undefined;
      },
      20_000,
    );
    const seconds = ((performance.now() - begin) / 1000).toFixed(2);
    console.log(
      `      ${seconds} s from "ctr run" to ready; RSS ${readStatusFields(pid).get('VmRSS') ?? ''}`,
    );
    expect(readNamespace(pid, 'cgroup')).to.equal(readNamespace(1, 'cgroup'));
    expect(readlinkSync(`/proc/${pid}/exe`)).to.match(/\/node$/u);
    const { stdout } = await containerd.ctr([
      'task',
      'exec',
      '--exec-id',
      'cli',
      'daemon',
      'node-driver',
      'machines',
      'list',
    ]);
    expect(stdout).to.match(/^LAUNCH ID/u);

    await containerd.ctr(['task', 'kill', '--signal', 'TERM', 'daemon']);
    await waitUntil('the daemon has ended', () => (existsSync(`/proc/${pid}`) ? undefined : true), 15_000);
    const { stdout: ended, status } = await containerd.ctr(['task', 'delete', 'daemon'], {
      allowFailure: true,
    });
    expect({ ended, status }).to.deep.equal({ ended: '', status: 0 });
  });

  const findTask = async (name: string): Promise<number> => {
    const { stdout } = await containerd.ctr(['task', 'ls']);
    const line = stdout.split('\n').find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`containerd has no task "${name}"`);
    return Number(line.split(/\s+/u)[1]);
  };
});

/** Status and body of what is served in the network namespace of a process. */
async function readInNetwork(pid: number, url: string): Promise<string> {
  const program = 'const r = await fetch(process.argv[1]); console.log(r.status, await r.text())';
  const node = [process.execPath, '--input-type=module', '-e', program, url];
  return (await runCommand('nsenter', ['-t', String(pid), '-n', ...node])).stdout;
}
