import { Counter, Histogram, type Registry } from 'prom-client';

import { refusalCodes, type RefusalCode } from '../../errors.ts';
import { limitKinds, type LimitKind } from '../../launch/launch-limits.ts';
import { launchSteps, type LaunchStepTime } from '../../machines/launch-step.ts';
import { launchModes, type LaunchMode } from '../../machines/machine.ts';
import { labelledCounter } from './labelled-counter.ts';
import { prefix } from './prefix.ts';

const secretResults = ['valid', 'refused', 'limited', 'failed'] as const;
const candidateVerdicts = ['usable', 'turned-down', 'zombie'] as const;

/** `limited`: not checked, too many attempts. `failed`: an internal error, no verdict. */
export type SecretCheckResult = (typeof secretResults)[number];

/** How many processes one search for a VM has come upon. */
export type CandidateCounts = Readonly<Record<(typeof candidateVerdicts)[number], number>>;

/** What comes of launches. */
export interface LaunchMetrics {
  /** QEMU runs; `seconds` since the stub connected. */
  launchStarted(mode: LaunchMode, seconds: number, steps: readonly LaunchStepTime[]): void;
  launchRefused(code: RefusalCode, seconds: number): void;
  /** A launch was refused for the load; it counts as refused besides. */
  launchLimited(kind: LimitKind): void;
  candidatesSeen(counts: CandidateCounts): void;
  secretChecked(result: SecretCheckResult): void;
}

export function createLaunchMetrics(registers: Registry[]): LaunchMetrics {
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

  const stepDuration = new Histogram({
    name: `${prefix}launch_step_duration_seconds`,
    help: 'Time that launches which were started spent on each step; the steps of one launch add up to its duration.',
    labelNames: ['step', 'mode'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers,
  });
  for (const step of launchSteps) for (const mode of launchModes) stepDuration.zero({ step, mode });

  const limited = labelledCounter({
    name: 'launches_limited_total',
    help: 'Launches that were refused for the load on the daemon, by what there was too much of.',
    label: 'kind',
    values: limitKinds,
    registers,
  });

  const candidates = new Histogram({
    name: `${prefix}candidates`,
    help: 'Processes that each search for the pod of a VM came upon: usable ones (more than one: the secret decides), those that looked like a launcher and were turned down, and zombies of launchers.',
    labelNames: ['verdict'] as const,
    buckets: [0, 1, 2, 4, 16, 64, 256],
    registers,
  });
  for (const verdict of candidateVerdicts) candidates.zero({ verdict });

  const secretChecks = labelledCounter({
    name: 'secret_checks_total',
    help: 'Checks of a secret, by launches and by the API, by result.',
    label: 'result',
    values: secretResults,
    registers,
  });

  return {
    launchStarted(mode, seconds, steps): void {
      launches.inc({ result: 'started', reason: 'none' });
      duration.observe({ result: 'started' }, seconds);
      for (const { step, seconds: own } of steps) stepDuration.observe({ step, mode }, own);
    },
    launchRefused(reason, seconds): void {
      launches.inc({ result: 'refused', reason });
      duration.observe({ result: 'refused' }, seconds);
    },
    launchLimited: limited,
    candidatesSeen(counts): void {
      for (const verdict of candidateVerdicts) candidates.observe({ verdict }, counts[verdict]);
    },
    secretChecked: secretChecks,
  };
}
