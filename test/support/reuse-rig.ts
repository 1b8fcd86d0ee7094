import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { startApp } from '../../daemon/app.ts';
import { loadConfig } from '../../daemon/config/load-config.ts';
import { Broker } from '../../daemon/host/broker.ts';
import { createLibc, type Libc } from '../../daemon/host/libc.ts';
import { PinnedProcess } from '../../daemon/host/pinned-process.ts';
import type { Logger, LogVolume } from '../../daemon/observe/logger.ts';
import { HeldSecrets, type HeldSecret } from '../../daemon/secret/held-secrets.ts';
import { Failpoints } from './failpoints.ts';
import { launchFake } from './fake-launch.ts';
import { fixturesMount, sayPod } from './hostile-fixtures.ts';
import { installNodeDriver, type NodeDriver } from './node-driver.ts';
import { Nursery } from './nursery.ts';
import { rememberPidsOnly } from './pid-memory.ts';
import { namespaceNames, readNamespace, readProcess } from './processes.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

/** When the launcher of the VM ends, and its pid becomes that of a process of another pod. */
export const reuseSteps = [
  'after the scan for its command line',
  'after its command line matched',
  'after its secret was read',
  'before the shim starts',
  'in the shim, before it opens the namespaces',
] as const;
export type ReuseStep = (typeof reuseSteps)[number];

/** What came of one launch. */
export interface ReuseRound {
  /** False where another process of the node got the pid: such a round says nothing. */
  readonly isReused: boolean;
  /** The emulator ran in a namespace of the other pod. */
  readonly isEntered: boolean;
  /** The other pod's secret was read in place of the launcher's. */
  readonly isRead: boolean;
  readonly signals: number;
  /** What the stub said. */
  readonly answer: string;
}

const EXPIRES_AT = '2999-01-01T00:00:00Z';

const silent: Logger & LogVolume = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silent,
  level: 'info',
  setLevel: () => undefined,
};

/** A daemon in this process, the pod of a VM and another one that holds the same secret, and the hooks in between. */
export class ReuseRig {
  readonly #driver: NodeDriver;
  readonly #failpoints: Failpoints;
  readonly #libc: Libc;
  readonly #own: Sandbox;
  readonly #launchers: Nursery;
  readonly #others: Nursery;
  readonly #isPinned: boolean;
  readonly #otherMarks: readonly string[];
  #step: ReuseStep | undefined;
  #launcher = 0;
  #commandLine: Buffer | undefined;
  #isSwapped = false;
  #isReused = false;
  #isRead = false;

  private constructor(
    parts: { driver: NodeDriver; failpoints: Failpoints; own: Sandbox; other: Sandbox; isPinned: boolean },
    launchers: Nursery,
    others: Nursery,
  ) {
    this.#driver = parts.driver;
    this.#failpoints = parts.failpoints;
    this.#libc = createLibc();
    this.#own = parts.own;
    this.#isPinned = parts.isPinned;
    this.#launchers = launchers;
    this.#others = others;
    this.#otherMarks = [
      `pod ${parts.other.podUid}`,
      ...namespaceNames.map((name) => `namespace ${name}:[${readNamespace(parts.other.pid, name)}]`),
    ];
  }

  /** @param isPinned false: the daemon and the shim know a process by its pid alone */
  static async open(scratch: Scratch, isPinned: boolean): Promise<ReuseRig> {
    const failpoints = Failpoints.open(scratch);
    const driver = await installNodeDriver(scratch, {
      failpoints,
      settings: { emulator: sayPod, 'secret-lifetime': '24h', 'launch-rate': 'off' },
      ...(isPinned ? {} : { without: ['ANY_TARGET'] }),
    });
    const app = await startApp({
      config: await loadConfig(driver.configPath),
      logger: silent,
      build: { version: 'test', commit: '', nodeVersion: process.versions.node },
      stdout: new PassThrough().resume(),
    });
    scratch.defer('end the daemon', () => app.stop());
    const vmUuid = randomUUID();
    const common = { vmUuid, vmName: 'reuse', argv: ['pause'], mounts: [fixturesMount] };
    const own = await startSandbox(scratch, common);
    const other = await startSandbox(scratch, {
      ...common,
      ...(own.secret === undefined ? {} : { secret: own.secret }),
      expiresAt: EXPIRES_AT,
    });
    const launcher = ['virt-launcher', '-kubevirt.vm.uuid', vmUuid, '-kubevirt.vm.name', 'reuse'];
    const launchers = await Nursery.open(scratch, own, ['/launcher/virt-launcher', ...launcher]);
    const others = await Nursery.open(scratch, other);
    const rig = new ReuseRig({ driver, failpoints, own, other, isPinned }, launchers, others);
    const hooks = rig.#hook(scratch);
    scratch.defer('take the hooks away', () => hooks[Symbol.dispose]());
    return rig;
  }

  /** One launch, whose launcher is replaced at this step; without a step, none is. */
  async launch(step?: ReuseStep): Promise<ReuseRound> {
    this.#begin(step);
    const launch = launchFake(this.#driver, this.#own);
    await launch.ended;
    const signals = this.#end();
    return {
      isReused: this.#isReused,
      isEntered: launch.report.some((line) => this.#otherMarks.includes(line)),
      isRead: this.#isRead,
      signals,
      answer: launch.report.length > 0 ? 'started' : launch.stderr.trim(),
    };
  }

  /** Signals the launcher once its pid is another's. */
  signal(): ReuseRound {
    this.#begin(undefined);
    {
      using launcher = PinnedProcess.open(this.#libc, '/proc', this.#launcher);
      this.#swap();
      if (this.#isPinned) launcher.signal(15);
      else process.kill(launcher.pid, 15);
    }
    const signals = this.#end();
    return { isReused: this.#isReused, isEntered: false, isRead: false, signals, answer: '' };
  }

  #begin(step: ReuseStep | undefined): void {
    this.#step = step;
    this.#isSwapped = this.#isReused = this.#isRead = false;
    this.#commandLine = undefined;
    this.#launcher = this.#launchers.start();
    if (step === reuseSteps[4]) this.#failpoints.set('fds-collected');
  }

  #end(): number {
    const signals = this.#isReused ? this.#others.count() : 0;
    if (!this.#isSwapped) this.#launchers.kill(this.#launcher);
    this.#launcher = 0;
    return signals;
  }

  #reach(step: ReuseStep): void {
    if (step === this.#step && !this.#isSwapped) this.#swap();
  }

  #swap(): void {
    this.#isSwapped = true;
    this.#commandLine = readFileSync(`/proc/${this.#launcher}/cmdline`);
    this.#launchers.kill(this.#launcher);
    this.#isReused = this.#others.take(this.#launcher);
  }

  /** After the rest of the shim's fds came, and before it opens the first file of its target. */
  async #reachInShim(pid: number): Promise<void> {
    if (this.#step !== reuseSteps[4]) return;
    const hasStopped = (): true | undefined => (readProcess(pid)?.state === 'T' ? true : undefined);
    await waitUntil('the shim has its fds', hasStopped, 5000, 1);
    this.#reach(this.#step);
    process.kill(pid, 'SIGCONT');
  }

  #hook(scratch: Scratch): Disposable {
    const hooks = new DisposableStack();
    const isMeant = (pid: number): boolean => pid === this.#launcher;
    const remembered = (): Buffer | undefined => (this.#isPinned ? undefined : this.#commandLine);
    const reach = (step: ReuseStep): void => this.#reach(step);
    const reachInShim = (pid: number): Promise<void> => this.#reachInShim(pid);
    const sawSecret = ({ expiresAt }: HeldSecret): void => {
      this.#isRead ||= expiresAt === EXPIRES_AT;
    };
    if (!this.#isPinned) hooks.use(rememberPidsOnly(scratch, this.#libc, isMeant));
    hooks.use(
      wrap(PinnedProcess, 'open', (open) => (libc, proc, pid) => {
        if (isMeant(pid)) reach(reuseSteps[0]);
        return open.call(PinnedProcess, libc, proc, pid);
      }),
    );
    hooks.use(
      wrap(
        PinnedProcess.prototype,
        'read',
        (read) =>
          function (this: PinnedProcess, file) {
            if (file !== 'cmdline' || !isMeant(this.pid)) return read.call(this, file);
            const text = remembered() ?? read.call(this, file);
            reach(reuseSteps[1]);
            return text;
          },
      ),
    );
    hooks.use(
      wrap(
        HeldSecrets.prototype,
        'readOnly',
        (read) =>
          async function (this: HeldSecrets, owner) {
            const held = await read.call(this, owner);
            sawSecret(held);
            reach(reuseSteps[2]);
            return held;
          },
      ),
    );
    hooks.use(
      wrap(
        Broker.prototype,
        'startShim',
        (start) =>
          async function (this: Broker, fds) {
            reach(reuseSteps[3]);
            const pid = await start.call(this, fds);
            await reachInShim(pid);
            return pid;
          },
      ),
    );
    return hooks;
  }
}

/** Puts something around a function of a class, until it is disposed of. */
function wrap<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  around: (original: Owner[Name]) => Owner[Name],
): Disposable {
  const original = owner[name];
  owner[name] = around(original);
  return {
    [Symbol.dispose]: () => {
      owner[name] = original;
    },
  };
}
