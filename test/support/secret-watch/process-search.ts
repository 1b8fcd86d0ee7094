import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { readProcess } from '../processes.ts';
import type { SecretMatcher } from './secret-matcher.ts';

export type ProcessKind = 'stub' | 'broker' | 'shim' | 'emulator' | 'daemon or command';

export interface FoundProcess {
  readonly pid: number;
  readonly kind: ProcessKind;
  readonly place: 'environ' | 'cmdline';
}

/** libvirt gives the stub its secret in the environment: it may be there while it has not been seen for so long. */
export const STUB_WINDOW_MS = 2000;
const MIN_SIGHTINGS = 3;

/** What pods have in the place of QEMU: programs of test/fixtures. */
const emulators: ReadonlySet<string> = new Set([
  ...['fake-emulator', 'say-pod', 'say-time', 'break-out', 'reach-out', 'syscall-probe'],
]);

interface Sighting {
  readonly since: number;
  count: number;
}

/**
 * Looks again and again at the processes of the driver and at the emulators that it started. A stub may show the secret
 * until it has sent its request, which takes milliseconds, so one that has it for longer than the window, while it is
 * not stopped, does not wipe it. Nothing else may ever show it.
 */
export class ProcessSearch {
  readonly #matcher: SecretMatcher;
  readonly #windowMs: number;
  readonly #stubs = new Map<string, Sighting>();
  readonly #reported = new Set<string>();
  /** Environments and command lines that were read, by kind. */
  readonly samples = new Map<ProcessKind, number>();

  constructor(matcher: SecretMatcher, windowMs = STUB_WINDOW_MS) {
    this.#matcher = matcher;
    this.#windowMs = windowMs;
  }

  look(): readonly FoundProcess[] {
    if (this.#matcher.count === 0) return [];
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => this.#lookAt(Number(name)));
  }

  #lookAt(pid: number): readonly FoundProcess[] {
    const kind = kindOfProcess(pid);
    if (kind === null) return [];
    return (['environ', 'cmdline'] as const).flatMap((place) => {
      const bytes = read(`/proc/${pid}/${place}`);
      if (bytes === null || bytes.length === 0) return [];
      this.samples.set(kind, (this.samples.get(kind) ?? 0) + 1);
      if (!this.#matcher.matches(bytes)) return [];
      const isAllowed = kind === 'stub' && place === 'environ' && this.#isInWindow(pid);
      return isAllowed || !this.#isNews(pid, place) ? [] : [{ pid, kind, place }];
    });
  }

  #isInWindow(pid: number): boolean {
    const status = readProcess(pid);
    if (status === undefined) return true;
    const key = `${pid} ${status.startTime}`;
    const sighting = this.#stubs.get(key) ?? { since: performance.now(), count: 0 };
    // A stopped one has had no chance.
    if (['T', 't'].includes(status.state)) this.#stubs.delete(key);
    else this.#stubs.set(key, sighting);
    sighting.count++;
    return sighting.count < MIN_SIGHTINGS || performance.now() - sighting.since < this.#windowMs;
  }

  #isNews(pid: number, place: string): boolean {
    const key = `${pid} ${readProcess(pid)?.startTime ?? ''} ${place}`;
    const isNews = !this.#reported.has(key);
    this.#reported.add(key);
    return isNews;
  }
}

/** What a process is of the driver's; null for any other. */
function kindOfProcess(pid: number): ProcessKind | null {
  let program: string;
  try {
    program = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return null; // a thread of the kernel, or gone
  }
  const name = program.slice(program.lastIndexOf('/') + 1);
  // The stub is installed under an emulator's name.
  if (program.includes('/emulators/') || name === 'qemu-kube' || name === 'qemu-kube-exec') return 'stub';
  if (name === 'qemu-kube-broker') return 'broker';
  if (name.startsWith('memfd:qemu-kube-shim') || name === 'qemu-kube-shim') return 'shim';
  if (name.startsWith('qemu-system-') || emulators.has(name)) return 'emulator';
  if (!name.startsWith('node')) return null;
  const [, script = ''] = read(`/proc/${pid}/cmdline`)?.toString('latin1').split('\0') ?? [];
  return /daemon\/main\.[tj]s$|\/stoppable-daemon\.ts$/.test(script) ? 'daemon or command' : null;
}

function read(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
