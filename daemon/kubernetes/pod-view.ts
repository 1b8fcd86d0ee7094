/** The label that a pod must carry. */
export interface WantedLabel {
  readonly key: string;
  readonly value: string;
}

/** All that is kept of a pod: no environment, no volumes, no secrets by name. */
export interface PodView {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly isDeleting: boolean;
  /** Value of the wanted label; `null` where the pod has none. */
  readonly label: string | null;
  /** Of containers of every kind, those that ended included, without the runtime's name in front. */
  readonly containerIds: readonly string[];
}

const statusKinds = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

/**
 * Takes out of a pod, as the API tells it, what is needed.
 *
 * @returns null for what is no pod
 */
export function viewPod(pod: unknown, labelKey: string | null): PodView | null {
  const metadata = fieldOf(pod, 'metadata');
  const status = fieldOf(pod, 'status');
  const uid = textOf(metadata, 'uid');
  const name = nameOf(metadata, 'name');
  const namespace = nameOf(metadata, 'namespace');
  if (uid === null || name === null || namespace === null) return null;
  const deleted = fieldOf(metadata, 'deletionTimestamp');
  return {
    uid,
    namespace,
    name,
    phase: textOf(status, 'phase') ?? 'Unknown',
    isDeleting: deleted !== undefined && deleted !== null,
    label: labelKey === null ? null : textOf(fieldOf(metadata, 'labels'), labelKey),
    containerIds: statusKinds.flatMap((kind) => containerIdsOf(fieldOf(status, kind))),
  };
}

/** In the form that Kubernetes holds names to: they are told to people. */
function nameOf(metadata: unknown, key: 'name' | 'namespace'): string | null {
  const name = textOf(metadata, key);
  return name !== null && /^[a-z0-9.-]{1,253}$/.test(name) ? name : null;
}

function containerIdsOf(statuses: unknown): readonly string[] {
  if (!Array.isArray(statuses)) return [];
  return statuses.flatMap((status: unknown) => {
    // `containerd://<64 digits>`; empty while the container is being made.
    const id = textOf(status, 'containerID')?.replace(/^[a-z0-9.+-]*:\/\//, '') ?? '';
    return id === '' ? [] : [id];
  });
}

/** An own field of what may be no object. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

/** An own field that is text; `null` where there is none. */
export function textOf(value: unknown, name: string): string | null {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : null;
}
