import type { Config } from '../config/config.ts';
import type { Libc } from '../host/libc.ts';
import type { LibvirtLookup } from './libvirt-lookup.ts';

/** What the checks look at, and from where. */
export interface ExaminedNode {
  readonly config: Config;
  readonly libc: Pick<Libc, 'callSupport' | 'clockState'>;
  /** Of this program. */
  readonly version: string;
  /** As of `uname -m`. */
  readonly machine: string;
  /** Put before a path of the node. */
  readonly root: string;
  /** Directory of the C programs. */
  readonly libraryDirectory: string;
  readonly libvirts: Pick<LibvirtLookup, 'list' | 'readFile'>;
  /** Whether the daemon serves, and so has made what it makes. */
  readonly isServing: boolean;
  /** The daemon never opens a file where another may hold it up: only a process that soon ends looks into containers. */
  readonly mayLookIntoContainers: boolean;
}
