import { membershipsIdentity } from '../target/cgroup-identity.ts';
import { parseCgroup } from '../target/parse-cgroup.ts';
import { podCgroups } from '../target/pod-cgroups.ts';
import type { CgroupMembership } from '../target/target.ts';
import type { Libc } from './libc.ts';

/** Where a process belongs, as keys to tell pods and containers apart. */
export interface Place {
  readonly pod: string;
  readonly container: string;
  readonly isInPod: boolean;
}

export interface ProcessPlacesOptions {
  readonly libc: Pick<Libc, 'readProc'>;
  /** The node's procfs. */
  readonly proc: string;
  /** See `cgroupIdentity`. */
  readonly kubepodsBase: string | null;
  /** Whether cgroups and all above them are root's; may throw where one is gone. */
  readonly belongToRoot: (cgroups: readonly CgroupMembership[]) => boolean;
}

/** Of different texts; there are as many as there are cgroups with processes. */
const MAX_KNOWN = 1024;
/** Longer ones are not worth the memory. */
const MAX_LENGTH = 4096;
const gone: Place = { pod: 'gone', container: 'gone', isInPod: false };

/**
 * Guesses where processes belong, good enough to share looks out: what counts is read again from the pinned process.
 * A pod may have any number of processes, but they have few different cgroups, so what a text means is kept.
 */
export class ProcessPlaces {
  readonly #options: ProcessPlacesOptions;
  readonly #known = new Map<string, Place>();
  /** Pods by the paths of their cgroups: one may have its processes in any number of cgroups below. */
  readonly #pods = new Set<string>();

  constructor(options: ProcessPlacesOptions) {
    this.#options = options;
  }

  of(pid: number): Place {
    const { libc, proc } = this.#options;
    let text: string;
    try {
      text = libc.readProc(`${proc}/${pid}/cgroup`).toString('latin1');
    } catch {
      return gone;
    }
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    return this.#placeOf(text);
  }

  #placeOf(text: string): Place {
    const memberships = parseCgroup(text);
    const identity =
      memberships === null
        ? ({ reject: 'malformed' } as const)
        : membershipsIdentity(memberships, this.#options.kubepodsBase);
    if ('reject' in identity)
      return this.#keep(text, { pod: identity.reject, container: identity.reject, isInPod: false });
    const { podUid, containerId } = identity;
    // By the names alone it would share the place of the pod that it is not, and the looks that this gets.
    if (podUid !== null && !this.#isPod(memberships ?? []))
      return { pod: text, container: text, isInPod: false };
    // Outside of Kubernetes, each cgroup stands for itself.
    const pod = podUid ?? containerId ?? text;
    return this.#keep(text, { pod, container: containerId ?? text, isInPod: podUid !== null });
  }

  /** Only what is root's is kept: nobody else can put something in its place, and what was gone may come back. */
  #isPod(memberships: readonly CgroupMembership[]): boolean {
    const { kubepodsBase, belongToRoot } = this.#options;
    const cgroups = podCgroups(memberships, kubepodsBase);
    const paths = cgroups.map(({ hierarchy, path }) => `${hierarchy}:${path}`).join('\n');
    if (this.#pods.has(paths)) return true;
    try {
      if (!belongToRoot(cgroups)) return false;
    } catch {
      return false;
    }
    if (this.#pods.size >= MAX_KNOWN) this.#pods.clear();
    if (paths.length <= MAX_LENGTH) this.#pods.add(paths);
    return true;
  }

  #keep(text: string, place: Place): Place {
    if (text.length > MAX_LENGTH) return place;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(text, place);
    return place;
  }
}
