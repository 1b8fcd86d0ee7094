/** The node that the tests' pods are on. */
export const fakeNode = 'node-1.example';

/** A pod as a test names it; what it leaves out is as in a pod that is well. */
export interface FakePod {
  readonly uid: string;
  readonly name: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly phase?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deleting?: boolean;
  readonly containers?: readonly string[];
  readonly initContainers?: readonly string[];
}

/** A pod as the API tells it, and of which node it is. */
export interface PodObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: object;
  readonly spec: { readonly nodeName: string; readonly containers: readonly object[] };
  readonly status: object;
}

/** With what else a real pod has, which nobody is to keep. */
export function toPodObject(pod: FakePod, version: number): PodObject {
  const containerStatus = (id: string): object => ({
    name: 'compute',
    image: 'registry.example/virt-launcher:v1.9.0',
    imageID: 'registry.example/virt-launcher@sha256:0',
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    ...(id !== '' && { containerID: `containerd://${id}` }),
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: pod.namespace ?? 'vms',
      uid: pod.uid,
      resourceVersion: String(version),
      labels: pod.labels ?? { 'kubevirt.io': 'virt-launcher' },
      ...(pod.annotations !== undefined && { annotations: pod.annotations }),
      ...(pod.deleting === true && {
        deletionTimestamp: '2026-01-01T00:00:00Z',
        deletionGracePeriodSeconds: 30,
      }),
      managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:metadata': { 'f:labels': {} } } }],
    },
    spec: {
      nodeName: pod.node ?? fakeNode,
      containers: [
        { name: 'compute', image: 'x', env: [{ name: 'PASSWORD', value: 'not-to-be-kept' }], resources: {} },
      ],
    },
    status: {
      phase: pod.phase ?? 'Running',
      containerStatuses: (pod.containers ?? []).map(containerStatus),
      initContainerStatuses: (pod.initContainers ?? []).map(containerStatus),
    },
  };
}
