import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readStatusFields } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';

const deploy = join(import.meta.dirname, '../../deploy');

/** Number of CAP_SYS_RESOURCE, which the manifests ask for and can do without. */
const SYS_RESOURCE = 24;
const lastCapability = '/spec/template/spec/containers/0/securityContext/capabilities/add/12';
const withoutSysResource = [
  { op: 'test', path: lastCapability, value: 'SYS_RESOURCE' },
  { op: 'remove', path: lastCapability },
];

export interface OverlayOptions {
  /** Below the cluster's files. */
  readonly directory: string;
  /** Name and tag of the driver's image. */
  readonly image: readonly [string, string];
  /** The cgroup below which the kubelet's pods are. */
  readonly podCgroup: string;
}

/**
 * An administrator's overlay: `host-libvirt` with the API of Kubernetes, for this image and this machine, where libvirt's
 * user is known by number only.
 */
export function writeOverlay({ directory, image: [name, tag], podCgroup }: OverlayOptions): string {
  mkdirSync(directory);
  const { uid, gid } = findQemuAccount();
  const from = (path: string): string => relative(directory, join(deploy, path));
  const settings = [
    `launch-users = ${uid}`,
    `launch-group = ${gid}`,
    `kubepods-base = ${podCgroup}`,
    'secret-forms = plain token',
  ];
  const write = (file: string, content: object): void => {
    writeFileSync(join(directory, file), JSON.stringify(content, undefined, 2));
  };
  write('settings.json', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', annotations: { 'config.kubernetes.io/local-config': 'true' } },
    data: { settings: settings.join('\n') },
  });
  write('kustomization.yaml', {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: 'kubevirt-node-driver',
    resources: [from('overlays/host-libvirt'), 'settings.json'],
    components: [from('components/kubernetes-verify')],
    images: [{ name: 'kubevirt-node-driver', newName: name, newTag: tag }],
    patches: [
      {
        target: { kind: 'DaemonSet', name: 'node-driver' },
        patch: JSON.stringify([
          { op: 'add', path: '/spec/template/spec/initContainers/0/args/-', value: `--group=${gid}` },
          ...(hasCapability(SYS_RESOURCE) ? [] : withoutSysResource),
        ]),
      },
    ],
    replacements: [
      {
        source: { kind: 'ConfigMap', name: 'settings', fieldPath: 'data.settings' },
        targets: [
          {
            select: { kind: 'ConfigMap', name: 'node-driver' },
            fieldPaths: ['data.[qemu-kube.conf]'],
            options: { delimiter: '\n', index: -1 },
          },
        ],
      },
    ],
  });
  return directory;
}

/** Whether this machine lets a process have it: some sandboxes lack one or the other. */
function hasCapability(number: number): boolean {
  const bounding = readStatusFields(process.pid).get('CapBnd') ?? '0';
  return ((BigInt(`0x${bounding}`) >> BigInt(number)) & 1n) === 1n;
}
