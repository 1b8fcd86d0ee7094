import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FakePod } from '../../support/fake-pod.ts';
import { fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startKubernetesRig, type KubernetesRig } from '../../support/kubernetes-rig.ts';
import { readArguments } from '../../support/processes.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';

interface Vmi {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/** As KubeVirt's virt-controller renders it (pkg/virt-controller/services/template.go), in its order. */
function launcherArguments({ uid, name, namespace }: Vmi): readonly string[] {
  return [
    ...['--qemu-timeout', '277s'],
    ...['--name', name, '--uid', uid, '--namespace', namespace],
    ...['--kubevirt-share-dir', '/var/run/kubevirt'],
    ...['--ephemeral-disk-dir', '/var/run/kubevirt-ephemeral-disks'],
    ...['--container-disk-dir', '/var/run/kubevirt/container-disks'],
    ...['--grace-period-seconds', '45', '--hook-sidecars', '0', '--ovmf-path', '/usr/share/OVMF'],
    ...['--disk-memory-limit', '2097152000', '--hypervisor', 'kvm'],
    ...['--run-as-nonroot', '--allow-emulation'],
  ];
}

/** The releases of KubeVirt whose pods look otherwise. */
const releases: readonly {
  readonly title: string;
  readonly argv: (vmi: Vmi) => readonly string[];
  readonly isMonitored: boolean;
}[] = [
  {
    title: 'today: a monitor and its child, with the same arguments',
    argv: (vmi) => ['virt-launcher-monitor', ...launcherArguments(vmi)],
    isMonitored: true,
  },
  {
    title: 'today, where the monitor keeps the pod after a failure',
    argv: (vmi) => ['virt-launcher-monitor', ...launcherArguments(vmi), '--keep-after-failure'],
    isMonitored: true,
  },
  {
    title: 'with emulation of other architectures, whose flag comes first',
    argv: (vmi) => ['virt-launcher-monitor', '--allow-cross-arch-emulation', ...launcherArguments(vmi)],
    isMonitored: true,
  },
  {
    title: 'before release 0.53: one launcher',
    argv: (vmi) => ['virt-launcher', ...launcherArguments(vmi).filter((each) => each !== '--run-as-nonroot')],
    isMonitored: false,
  },
];

describe('virt-launcher pods as KubeVirt makes them', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let rig: KubernetesRig;
  let pod: Sandbox | undefined;

  before(async () => {
    scratch = Scratch.open('test');
    rig = await startKubernetesRig(scratch);
  });
  after(() => scratch.close());
  afterEach(() => pod?.remove());

  /** With labels and annotations of today, and the containers of such a pod. */
  const describePod = (vmi: Vmi, sandbox: Sandbox): FakePod => ({
    uid: sandbox.podUid,
    name: `virt-launcher-${vmi.name}-x7k2p`,
    namespace: vmi.namespace,
    labels: {
      'kubevirt.io': 'virt-launcher',
      'kubevirt.io/created-by': vmi.uid,
      'vm.kubevirt.io/name': vmi.name,
      'vmi.kubevirt.io/id': vmi.name,
      'kubevirt.io/nodeName': 'node-1.example',
    },
    annotations: {
      'kubevirt.io/domain': vmi.name,
      'kubectl.kubernetes.io/default-container': 'compute',
      'kubevirt.io/migrationTransportUnix': 'true',
      'kubevirt.io/vm-generation': '1',
    },
    containers: [sandbox.containerId, 'e'.repeat(64)],
    initContainers: ['d'.repeat(64)],
  });

  for (const { title, argv, isMonitored } of releases)
    it(`are found and started in: ${title}`, async () => {
      const vmi = { uid: randomUUID(), name: 'testvm', namespace: 'vms' };
      pod = await startSandbox(scratch, {
        vmUuid: vmi.uid,
        vmName: vmi.name,
        argv: argv(vmi),
        monitor: isMonitored,
        mounts: [fakeEmulatorMount],
      });
      const launchers = pod.processes.map((pid) => readArguments(pid));
      expect(launchers.map(([program]) => program)).to.deep.equal(
        isMonitored ? ['virt-launcher-monitor', 'virt-launcher'] : ['virt-launcher'],
      );
      for (const [, ...args] of launchers) expect(args).to.deep.equal(argv(vmi).slice(1));
      rig.api.put(describePod(vmi, pod));

      const launch = launchFake(rig.driver, pod, { args: ['wait'] });
      await launch.waitForLine('ready');
      const emulator = pod.processes.find((pid) => readArguments(pid)[0]?.includes('emulator'));
      expect(emulator).to.be.a('number');
      expect(readFileSync(`/proc/${emulator ?? 0}/cgroup`, 'utf8')).to.include(pod.podUid);
      launch.stub.kill('SIGTERM');
      await launch.ended;
    });

  it('are told by the label: a pod of the same VM without it is refused', async () => {
    const vmi = { uid: randomUUID(), name: 'testvm', namespace: 'vms' };
    pod = await startSandbox(scratch, {
      vmUuid: vmi.uid,
      vmName: vmi.name,
      argv: ['virt-launcher-monitor', ...launcherArguments(vmi)],
      monitor: true,
      mounts: [fakeEmulatorMount],
    });
    rig.api.put({ ...describePod(vmi, pod), labels: { app: 'impostor', 'kubevirt.io/created-by': vmi.uid } });
    expect(await rig.launch(pod)).to.match(/it lacks the label "kubevirt\.io=virt-launcher"/);
  });
});
