import { SharedRuns } from '../shared-runs.ts';
import { matchesVm } from '../target/matches-vm.ts';
import type { VmIdentity } from '../target/target.ts';
import type { LauncherScan, LauncherScanner, SeenLauncher } from './launcher-scanner.ts';
import type { Place } from './process-places.ts';
import type { Turns } from './turns.ts';

export interface LauncherIndexOptions {
  readonly scanner: Pick<LauncherScanner, 'scan'>;
  readonly turns: Turns;
  /** Where a process belongs, as far as it can be told by a glance. */
  readonly placeOf: (pid: number) => Place;
  /** Between two looks at all processes, at least. */
  readonly rescanIntervalMs: number;
  readonly onError: (error: unknown) => void;
}

export interface KnownLauncher {
  readonly pid: number;
  /** Where it was when it was looked at. */
  readonly place: Place;
}

/** What a search through all processes came upon. */
export interface LauncherSearch {
  readonly matching: readonly KnownLauncher[];
  readonly zombies: readonly number[];
}

interface IndexedLauncher extends SeenLauncher, KnownLauncher {}

interface Launchers {
  /** By uuid, or '' where the command line has none, and by pid. */
  readonly byUuid: Map<string, Map<number, IndexedLauncher>>;
  readonly perContainer: Map<string, number>;
}

/** Of one container; a pod may run any number of processes that look like launchers. */
const MAX_PER_CONTAINER = 16;
/** No VM has a longer uuid or name: what does is not worth the memory. */
const MAX_NAME = 512;
/** A look takes no more than this share of the time until the next. */
const SHARE = 1 / 1000;

/**
 * Remembers where launchers were seen, so that the cost of a search does not grow with the number of processes on the
 * node. Who uses it looks at each process again: it may be another one by now.
 *
 * A process that becomes a launcher by execve(2) after it was looked at is seen at the next look at all.
 */
export class LauncherIndex {
  readonly #options: LauncherIndexOptions;
  readonly #searches = new SharedRuns(() => this.#inTurn(() => this.#lookAtAll()));
  readonly #updates = new SharedRuns(() => this.#inTurn(() => this.#lookAtNew()));
  #launchers: Launchers = { byUuid: new Map(), perContainer: new Map() };
  #seen: ReadonlySet<number> = new Set();
  /** The last of those that are under way, of which there are so many. */
  #look: Promise<unknown> = Promise.resolve();
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: LauncherIndexOptions) {
    this.#options = options;
  }

  /** Processes that claimed this VM when they were looked at. */
  known(vm: VmIdentity): readonly KnownLauncher[] {
    const claiming = [vm.uuid, ''].flatMap((uuid) => [...(this.#launchers.byUuid.get(uuid)?.values() ?? [])]);
    return claiming.filter(({ commandLine }) => matchesVm(commandLine, vm));
  }

  /** Looks at the processes that have come since the last look: the cost is that of a list of all. */
  update(): Promise<void> {
    return this.#updates.ask();
  }

  /** Waits for the end of a look that is under way; false where none is. */
  async settle(): Promise<boolean> {
    const isUnderWay = this.#looks > 0;
    if (isUnderWay) await this.#look;
    return isUnderWay;
  }

  /** Finds every launcher of the VM that runs from now until the answer. */
  async search(vm: VmIdentity): Promise<LauncherSearch> {
    const { launchers, zombies } = await this.#searches.ask();
    const slices = this.#options.turns.begin();
    const matching: KnownLauncher[] = [];
    for (const { pid, commandLine } of launchers) {
      if (!matchesVm(commandLine, vm)) continue;
      if (slices.isOver) await slices.next();
      matching.push({ pid, place: this.#options.placeOf(pid) });
    }
    return { matching, zombies };
  }

  /** Every launcher that runs from now until the answer, of whatever VM. */
  async list(): Promise<readonly SeenLauncher[]> {
    return (await this.#searches.ask()).launchers;
  }

  /** Looks at all now, and then again and again. */
  start(): void {
    void this.#rescan();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #rescan(): Promise<void> {
    const { rescanIntervalMs, onError } = this.#options;
    const begin = performance.now();
    try {
      await this.#searches.ask();
    } catch (error) {
      onError(error);
    }
    if (this.#isClosed) return;
    const pause = Math.max(rescanIntervalMs, (performance.now() - begin) / SHARE);
    this.#timer = setTimeout(() => void this.#rescan(), pause).unref();
  }

  /** What one look has found is what the next one goes on from. */
  #inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    this.#looks++;
    const run = this.#look.then(look).finally(() => this.#looks--);
    this.#look = run.catch(() => undefined);
    return run;
  }

  async #lookAtAll(): Promise<LauncherScan> {
    const scan = await this.#options.scanner.scan();
    const launchers: Launchers = { byUuid: new Map(), perContainer: new Map() };
    await this.#add(launchers, scan);
    this.#launchers = launchers;
    this.#seen = new Set(scan.pids);
    return scan;
  }

  async #lookAtNew(): Promise<void> {
    const scan = await this.#options.scanner.scan(this.#seen);
    await this.#add(this.#launchers, scan);
    this.#seen = new Set(scan.pids);
  }

  async #add({ byUuid, perContainer }: Launchers, { launchers }: LauncherScan): Promise<void> {
    const slices = this.#options.turns.begin();
    for (const launcher of launchers) {
      if (slices.isOver) await slices.next();
      const { uuid = '', name = '', namespace = '' } = launcher.commandLine;
      if (Math.max(uuid.length, name.length, namespace.length) > MAX_NAME) continue;
      const place = this.#options.placeOf(launcher.pid);
      const others = perContainer.get(place.container) ?? 0;
      if (others >= MAX_PER_CONTAINER) continue;
      perContainer.set(place.container, others + 1);
      const known = byUuid.get(uuid) ?? new Map<number, IndexedLauncher>();
      byUuid.set(uuid, known.set(launcher.pid, { ...launcher, place }));
    }
  }
}
