import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

import { refusalCodes, type RefusalCode } from '../errors.ts';
import { limitKinds, type LimitKind } from '../launch/launch-limits.ts';
import { eventResults, type EventResult } from '../kubernetes/pod-events.ts';
import {
  informerStates,
  restartReasons,
  type InformerState,
  type RestartReason,
} from '../kubernetes/pod-informer.ts';
import { opinionVerdicts, type OpinionVerdict } from '../kubernetes/second-opinion.ts';
import { reviewResults, type ReviewResult } from '../kubernetes/token-reviewer.ts';
import type { MachineExit, MachineState } from '../machines/machine.ts';

const prefix = 'kubevirt_node_driver_';
const machineStates: readonly MachineState[] = ['starting', 'running', 'exited', 'lost'];
const exitReasons: readonly MachineExit['reason'][] = ['qemu', 'stub-gone', 'pod-gone', 'shim-gone', 'oom'];
const secretResults = ['valid', 'refused', 'limited', 'failed'] as const;
const sockets = ['launch', 'api'] as const;

/** `limited`: not checked, too many attempts. `failed`: an internal error, no verdict. */
export type SecretCheckResult = (typeof secretResults)[number];

export interface BuildInfo {
  readonly version: string;
  /** Empty when unknown. */
  readonly commit: string;
  readonly nodeVersion: string;
}

/** What comes of asking and telling Kubernetes; all of it 0 where that is off. */
export interface KubernetesMetrics {
  informerIs(state: InformerState): void;
  watchRestarted(reason: RestartReason): void;
  /** `serverTime`: by the clock of the API server, where it told; both in milliseconds since 1970. */
  kubernetesSpoke(serverTime: number | null, now: number): void;
  /** Where the number of known pods comes from; asked at every scrape. */
  countPods(source: () => number): void;
  kubernetesSaid(verdict: OpinionVerdict): void;
  podEvent(result: EventResult): void;
  tokenReviewed(result: ReviewResult): void;
}

/** The daemon's figures. No pod, VM, pid or uid is ever a label: their number has no bound. */
export interface Metrics extends KubernetesMetrics {
  readonly contentType: string;
  render(): Promise<string>;
  /** QEMU runs; `seconds` since the stub connected. */
  launchStarted(seconds: number): void;
  launchRefused(code: RefusalCode, seconds: number): void;
  /** A launch was refused for the load; it counts as refused besides. */
  launchLimited(kind: LimitKind): void;
  machineExited(reason: MachineExit['reason']): void;
  secretChecked(result: SecretCheckResult): void;
  auditLineLost(): void;
  peerRejected(socket: (typeof sockets)[number]): void;
  /** Where the number of machines by state comes from; asked at every scrape. */
  countMachines(source: () => readonly { readonly state: MachineState }[]): void;
}

/** Makes a registry of its own, so that two daemons in one process (as in tests) do not meet. */
export function createMetrics(build: BuildInfo): Metrics {
  const register = new Registry();
  const registers = [register];
  let machinesOf: () => readonly { readonly state: MachineState }[] = () => [];

  const launches = new Counter({
    name: `${prefix}launches_total`,
    help: 'Launches by result (started, refused) and, for refused ones, the reason (else none).',
    labelNames: ['result', 'reason'] as const,
    registers,
  });
  launches.inc({ result: 'started', reason: 'none' }, 0);
  for (const reason of refusalCodes) launches.inc({ result: 'refused', reason }, 0);

  const duration = new Histogram({
    name: `${prefix}launch_duration_seconds`,
    help: 'Time from the connection of the stub to the verdict: QEMU runs, or the launch is refused.',
    labelNames: ['result'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers,
  });
  for (const result of ['started', 'refused']) duration.zero({ result });

  new Gauge({
    name: `${prefix}machines`,
    help: 'Machines that the daemon remembers, by state.',
    labelNames: ['state'] as const,
    registers,
    collect(): void {
      const all = machinesOf();
      for (const state of machineStates)
        this.set({ state }, all.filter((each) => each.state === state).length);
    },
  });

  const exits = new Counter({
    name: `${prefix}machine_exits_total`,
    help: 'Machines that ended, by what ended them.',
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of exitReasons) exits.inc({ reason }, 0);

  const limited = new Counter({
    name: `${prefix}launches_limited_total`,
    help: 'Launches that were refused for the load on the daemon, by what there was too much of.',
    labelNames: ['kind'] as const,
    registers,
  });
  for (const kind of limitKinds) limited.inc({ kind }, 0);

  const secretChecks = new Counter({
    name: `${prefix}secret_checks_total`,
    help: 'Checks of a secret, by launches and by the API, by result.',
    labelNames: ['result'] as const,
    registers,
  });
  for (const result of secretResults) secretChecks.inc({ result }, 0);

  const lost = new Counter({
    name: `${prefix}audit_lines_lost_total`,
    help: 'Lines that could not be written to the audit log.',
    registers,
  });

  const rejected = new Counter({
    name: `${prefix}peers_rejected_total`,
    help: 'Connections that were closed because of who made them or because there were too many, by socket.',
    labelNames: ['socket'] as const,
    registers,
  });
  for (const socket of sockets) rejected.inc({ socket }, 0);

  const kubernetes = createKubernetesMetrics(registers);
  new Gauge({
    name: `${prefix}build_info`,
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'commit', 'node_version'] as const,
    registers,
  }).set({ version: build.version, commit: build.commit, node_version: build.nodeVersion }, 1);
  // By default the delay of the event loop is sampled a hundred times a second, which is most of what an idle daemon does.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 500 });

  return {
    ...kubernetes,
    contentType: register.contentType,
    render: () => register.metrics(),
    launchStarted(seconds): void {
      launches.inc({ result: 'started', reason: 'none' });
      duration.observe({ result: 'started' }, seconds);
    },
    launchRefused(reason, seconds): void {
      launches.inc({ result: 'refused', reason });
      duration.observe({ result: 'refused' }, seconds);
    },
    launchLimited: (kind) => limited.inc({ kind }),
    machineExited: (reason) => exits.inc({ reason }),
    secretChecked: (result) => secretChecks.inc({ result }),
    auditLineLost: () => lost.inc(),
    peerRejected: (socket) => rejected.inc({ socket }),
    countMachines(source): void {
      machinesOf = source;
    },
  };
}

function createKubernetesMetrics(registers: Registry[]): KubernetesMetrics {
  let podsOf: () => number = () => 0;

  const states = new Gauge({
    name: `${prefix}kubernetes_informer_state`,
    help: 'What is known of the pods of the node: 1 for the state that holds. All 0: Kubernetes is not asked.',
    labelNames: ['state'] as const,
    registers,
  });
  for (const state of informerStates) states.set({ state }, 0);

  const restarts = new Counter({
    name: `${prefix}kubernetes_watch_restarts_total`,
    help: 'How often the watch of the pods was begun anew, by the reason for it.',
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of restartReasons) restarts.inc({ reason }, 0);

  const lastWord = new Gauge({
    name: `${prefix}kubernetes_watch_last_event_timestamp_seconds`,
    help: 'When something last came from the API server about pods: a list, a change or a bookmark. 0: never.',
    registers,
  });

  const skew = new Gauge({
    name: `${prefix}kubernetes_clock_skew_seconds`,
    help: 'How far the clock of the API server is ahead of the clock of the node, to about a second.',
    registers,
  });

  new Gauge({
    name: `${prefix}kubernetes_cached_pods`,
    help: 'Pods of the node that are known.',
    registers,
    collect(): void {
      this.set(podsOf());
    },
  });

  const verdicts = new Counter({
    name: `${prefix}kubernetes_verdicts_total`,
    help: 'What Kubernetes said about pods that were to get a VM.',
    labelNames: ['verdict'] as const,
    registers,
  });
  for (const verdict of opinionVerdicts) verdicts.inc({ verdict }, 0);

  const events = new Counter({
    name: `${prefix}kubernetes_events_total`,
    help: 'Events about pods, by whether they were sent, dropped since there were too many, or failed.',
    labelNames: ['result'] as const,
    registers,
  });
  for (const result of eventResults) events.inc({ result }, 0);

  const reviews = new Counter({
    name: `${prefix}kubernetes_token_reviews_total`,
    help: 'ServiceAccount tokens that were looked at, by what came of it.',
    labelNames: ['result'] as const,
    registers,
  });
  for (const result of reviewResults) reviews.inc({ result }, 0);

  return {
    informerIs(state): void {
      for (const each of informerStates) states.set({ state: each }, each === state ? 1 : 0);
    },
    watchRestarted: (reason) => restarts.inc({ reason }),
    kubernetesSpoke(serverTime, now): void {
      lastWord.set(now / 1000);
      if (serverTime !== null) skew.set((serverTime - now) / 1000);
    },
    countPods(source): void {
      podsOf = source;
    },
    kubernetesSaid: (verdict) => verdicts.inc({ verdict }),
    podEvent: (result) => events.inc({ result }),
    tokenReviewed: (result) => reviews.inc({ result }),
  };
}
