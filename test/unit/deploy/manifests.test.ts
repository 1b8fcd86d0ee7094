import type { V1ClusterRole, V1ConfigMap, V1Pod, V1Secret, V1ServiceAccount } from '@kubernetes/client-node';
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultConfig, parseConfig } from '../../../daemon/config/parse-config.ts';
import { keptCapabilities } from '../../../daemon/host/harden-process.ts';
import { parseLauncherCommandLine } from '../../../daemon/target/launcher-command-line.ts';
import {
  deployDirectory,
  findDaemonContainer,
  findDaemonSet,
  parseManifests,
  readInstallManifests,
  type Plain,
} from '../../support/manifests.ts';

const manifest = JSON.parse(readFileSync(join(deployDirectory, '../package.json'), 'utf8')) as {
  readonly version: string;
};

describe('deploy/install.yaml', () => {
  const objects = readInstallManifests();
  const daemonSet = findDaemonSet(objects);
  const pod = daemonSet.spec?.template.spec;
  const container = findDaemonContainer(daemonSet);

  it('gives no access to the API of Kubernetes', () => {
    expect(objects.map(({ kind }) => kind)).to.have.members([
      'Namespace',
      'ServiceAccount',
      'ConfigMap',
      'DaemonSet',
      'NetworkPolicy',
    ]);
    const account = objects.find(({ kind }) => kind === 'ServiceAccount') as Plain<V1ServiceAccount>;
    expect(account.automountServiceAccountToken).to.equal(false);
    expect(pod?.automountServiceAccountToken).to.equal(false);
  });

  it("gives the daemon the capabilities that it keeps, and no other's", () => {
    const capabilities = container.securityContext?.capabilities;
    const add = capabilities?.add ?? [];
    expect(add.map((name) => `CAP_${name}`)).to.have.members([...keptCapabilities.keys()]);
    expect(capabilities?.drop).to.deep.equal(['ALL']);
    const init = pod?.initContainers?.[0]?.securityContext?.capabilities;
    expect(init?.drop).to.deep.equal(['ALL']);
    for (const name of init?.add ?? []) expect([...add, 'FSETID']).to.include(name);
  });

  it('has a configuration that the daemon takes, and probes where that has it serve', () => {
    const config = objects.find(({ kind }) => kind === 'ConfigMap') as Plain<V1ConfigMap>;
    const { proc, httpAddress, runDirectory, emulatorsDirectory } = parseConfig(
      config.data?.['qemu-kube.conf'] ?? '',
      'qemu-kube.conf',
    );
    const mounted = container.volumeMounts?.map(({ mountPath }) => mountPath);
    expect(mounted).to.include.members([proc, runDirectory, '/etc/kubevirt']);
    expect(httpAddress?.port).to.equal(container.ports?.[0]?.containerPort);
    expect(container.ports?.[0]?.name).to.equal('http');
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      expect(probe?.httpGet?.port).to.equal('http');
    expect(pod?.initContainers?.[0]?.args).to.include(`--node-target=${emulatorsDirectory}`);
  });

  it('waits for the end of a daemon longer than that takes', () => {
    expect(pod?.terminationGracePeriodSeconds).to.be.above(8);
  });

  it('is of the version of this tree', () => {
    const images = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(({ image }) => image);
    expect(images).to.deep.equal(images.map(() => `kubevirt-node-driver:${manifest.version}`));
    expect(daemonSet.metadata?.labels?.['app.kubernetes.io/version']).to.equal(manifest.version);
    expect(readFileSync(join(deployDirectory, '../Dockerfile'), 'utf8')).to.include(
      `ARG VERSION=${manifest.version}\n`,
    );
  });
});

describe('the component kubernetes-verify', () => {
  it('allows what the daemon asks for, and no more', () => {
    const file = join(deployDirectory, 'components/kubernetes-verify/rbac.yaml');
    const role = parseManifests(readFileSync(file, 'utf8')).find(
      ({ kind }) => kind === 'ClusterRole',
    ) as Plain<V1ClusterRole>;
    expect(role.rules).to.deep.equal([
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ]);
  });
});

describe('deploy/examples', () => {
  const read = (name: string): string => readFileSync(join(deployDirectory, 'examples', name), 'utf8');
  const [pod] = parseManifests(read('virt-launcher.yaml')) as readonly Plain<V1Pod>[];
  const [secret] = parseManifests(read('secret.yaml')) as readonly Plain<V1Secret>[];
  const [patch] = parseManifests(read('virt-launcher-token.yaml')) as readonly Plain<V1Pod>[];
  const domain = read('domain.xml');
  const defaults = defaultConfig();
  const variableOf = (name: string): string | undefined =>
    new RegExp(`<qemu:env name='${name}' value='([^']*)'/>`, 'u').exec(domain)?.[1];

  it('are of one VM, which the daemon knows the pod by', () => {
    const command = [...(pod?.spec?.containers[0]?.command ?? []), ...(pod?.spec?.containers[0]?.args ?? [])];
    const vm = {
      uuid: variableOf('KUBEVIRT_IO_VM_UUID') ?? '',
      name: variableOf('KUBEVIRT_IO_VM_NAME') ?? '',
    };
    const text = Buffer.from(command.map((each) => `${each}\0`).join(''));
    expect(parseLauncherCommandLine(text)).to.deep.include(vm);
    expect(domain).to.include(`<uuid>${vm.uuid}</uuid>`).and.include(`<name>${vm.name}</name>`);
  });

  it('have the secret where the daemon reads it, and in the domain', () => {
    expect(variableOf('KUBEVIRT_IO_SECRET')).to.equal(secret?.stringData?.['secret']);
    const volume = pod?.spec?.volumes?.find((each) => each.secret?.secretName === secret?.metadata?.name);
    const mount = pod?.spec?.containers[0]?.volumeMounts?.find(({ name }) => name === volume?.name);
    expect(`${mount?.mountPath ?? ''}/secret`).to.equal(defaults.secretFile);
  });

  it('have the label, and the token the audience, that the daemon asks for', () => {
    const { key = '', value = '' } = defaults.kubernetesPodLabel ?? {};
    expect(pod?.metadata?.labels?.[key]).to.equal(value);
    const sources = patch?.spec?.volumes?.[0]?.projected?.sources ?? [];
    expect(sources.map((each) => each.serviceAccountToken?.audience).filter(Boolean)).to.deep.equal([
      defaults.kubernetesTokenAudience,
    ]);
    expect(sources.map((each) => each.secret?.name).filter(Boolean)).to.deep.equal([secret?.metadata?.name]);
  });

  it("name the stub where it is installed, and the disk where the pod's volume is", () => {
    expect(domain).to.include(
      `<emulator>${defaults.emulatorsDirectory}/default/qemu-system-x86_64</emulator>`,
    );
    const mount = pod?.spec?.containers[0]?.volumeMounts?.find(({ name }) => name === 'disks');
    expect(domain).to.include(`<source file='${mount?.mountPath ?? ''}/disk.img'>`);
  });
});
