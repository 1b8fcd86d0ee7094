import { cgroupIdentity } from '../target/cgroup-identity.ts';
import type { Libc } from './libc.ts';

/** Where a process belongs, as keys to tell pods and containers apart. */
export interface Place {
  readonly pod: string;
  readonly container: string;
}

/** Of different texts; there are as many as there are cgroups with processes. */
const MAX_KNOWN = 1024;
/** Longer ones are not worth the memory. */
const MAX_LENGTH = 4096;
const gone: Place = { pod: 'gone', container: 'gone' };

/**
 * Guesses where processes belong, good enough to share looks out: what counts is read again from the pinned process.
 * A pod may have any number of processes, but they have few different cgroups, so what a text means is kept.
 */
export class ProcessPlaces {
  readonly #libc: Pick<Libc, 'readProc'>;
  readonly #proc: string;
  readonly #kubepodsBase: string | null;
  readonly #known = new Map<string, Place>();

  /** @param kubepodsBase see `cgroupIdentity` */
  constructor(libc: Pick<Libc, 'readProc'>, proc: string, kubepodsBase: string | null) {
    this.#libc = libc;
    this.#proc = proc;
    this.#kubepodsBase = kubepodsBase;
  }

  of(pid: number): Place {
    let text: string;
    try {
      text = this.#libc.readProc(`${this.#proc}/${pid}/cgroup`).toString('latin1');
    } catch {
      return gone;
    }
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const place = this.#placeOf(text);
    if (text.length > MAX_LENGTH) return place;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(text, place);
    return place;
  }

  #placeOf(text: string): Place {
    const identity = cgroupIdentity(text, this.#kubepodsBase);
    if ('reject' in identity) return { pod: identity.reject, container: identity.reject };
    // Outside of Kubernetes, each cgroup stands for itself.
    const { podUid, containerId } = identity;
    return { pod: podUid ?? containerId ?? text, container: containerId ?? text };
  }
}
