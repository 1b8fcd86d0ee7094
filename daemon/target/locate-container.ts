/** Where in a cgroup path the pod and the container are. */
export interface ContainerLocation {
  readonly podUid: string | null;
  readonly containerId: string | null;
  /** The path up to and including the container's element; `null` when no container was found. */
  readonly containerPath: string | null;
  /** What the container's cgroup is made in: the pod's, or where one element is both, what is above; `null` without pod. */
  readonly podPath: string | null;
}

// The kubelet writes `pod<uid>` (cgroupfs driver) or `kubepods[-qos]-pod<uid>.slice` (systemd driver), the latter after
// the names of its cgroup root's elements. A static pod has the hash of its manifest, 32 hexadecimal digits, as UID.
const uid = '([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})';
const cgroupfsPod = new RegExp(`^pod${uid}$`);
const systemdPod = new RegExp(
  `^(?:[A-Za-z0-9_.\\\\]+-)*kubepods(?:-(?:burstable|besteffort|guaranteed))?-pod${uid}\\.slice$`,
);

const bareContainer = /^[0-9a-f]{64}$/;
const prefixedContainer = /^(?:docker|cri-containerd|crio|libpod)-([0-9a-f]{64})(?:\.scope)?$/;
const runtimeName = /^(?:docker|cri-containerd|crio|libpod)$/;

/**
 * Finds pod and container in one path of `/proc/PID/cgroup`.
 *
 * The first pod below `base` counts and the container is the element after it. Whatever follows belongs to the
 * workload, which may create cgroups of any name below its own, so it must never be looked at.
 *
 * Without a pod, the container is the first element that looks like one.
 *
 * @param base the cgroup that holds the node's pods; `null` or `/` when they may be anywhere.
 * @returns `null` when the path does not lie below `base`.
 */
export function locateContainer(path: string, base: string | null): ContainerLocation | null {
  const elements = path.split('/').slice(1);
  const start = baseDepth(elements, base);
  if (start === null) return null;

  for (let index = start; index < elements.length; index += 1) {
    const [head = '', ...rest] = (elements[index] ?? '').split(':');
    const podUid = podUidOf(head);
    if (podUid === null) continue;

    if (rest.length > 0) return at(elements, index, podUid, containerIdOfColonForm(rest));
    return at(elements, index + 1, podUid, containerIdOf(elements[index + 1] ?? ''));
  }

  for (let index = start; index < elements.length; index += 1) {
    const containerId = containerIdOf(elements[index] ?? '');
    if (containerId !== null) return at(elements, index, null, containerId);
  }
  return { podUid: null, containerId: null, containerPath: null, podPath: null };
}

function at(
  elements: readonly string[],
  index: number,
  podUid: string | null,
  containerId: string | null,
): ContainerLocation {
  const pathOf = (length: number): string => `/${elements.slice(0, length).join('/')}`;
  return {
    podUid,
    containerId,
    containerPath: containerId === null ? null : pathOf(index + 1),
    podPath: podUid === null ? null : pathOf(index),
  };
}

/** Whether a base leaves open where the node's pods are. */
export function isAnywhere(base: string | null): boolean {
  return elementsOf(base).length === 0;
}

function elementsOf(base: string | null): readonly string[] {
  return (base ?? '').split('/').filter((element) => element !== '');
}

/** How many elements of a path its base takes; `null` when the path is not below the base. */
function baseDepth(elements: readonly string[], base: string | null): number | null {
  const baseElements = elementsOf(base);
  if (baseElements.length === 0) return 0;
  if (!baseElements.every((element, index) => element === elements[index])) return null;
  // The kernel writes `..` only in front. One behind the base would lead out of it again.
  return elements.includes('..') ? null : baseElements.length;
}

function podUidOf(element: string): string | null {
  const match = cgroupfsPod.exec(element) ?? systemdPod.exec(element);
  return match?.[1]?.replaceAll('_', '-') ?? null;
}

/** A conmon's scope (`crio-conmon-ID.scope`) carries a container's ID too, but is not the container. */
function containerIdOf(element: string): string | null {
  if (bareContainer.test(element)) return element;
  return prefixedContainer.exec(element)?.[1] ?? null;
}

function containerIdOfColonForm(rest: readonly string[]): string | null {
  const [runtime = '', id = ''] = rest;
  return rest.length === 2 && runtimeName.test(runtime) && bareContainer.test(id) ? id : null;
}
