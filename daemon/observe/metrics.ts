import { Registry, collectDefaultMetrics, type MetricObjectWithValues, type MetricValue } from 'prom-client';

import { createDaemonMetrics, type BuildInfo, type DaemonMetrics } from './metrics/daemon-metrics.ts';
import { createKubernetesMetrics, type KubernetesMetrics } from './metrics/kubernetes-metrics.ts';
import { createLaunchMetrics, type LaunchMetrics } from './metrics/launch-metrics.ts';
import { createMachineMetrics, type MachineMetrics } from './metrics/machine-metrics.ts';

export type { BuildInfo } from './metrics/daemon-metrics.ts';
export type { KubernetesMetrics } from './metrics/kubernetes-metrics.ts';
export type { SecretCheckResult } from './metrics/launch-metrics.ts';

const kinds = ['counter', 'gauge', 'histogram', 'summary'] as const;

/** One metric, for who reads about it. */
export interface MetricDescription {
  readonly name: string;
  readonly kind: (typeof kinds)[number];
  readonly help: string;
  /** The values that each label has so far. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The daemon's figures. No pod, VM, pid or uid is ever a label: their number has no bound. */
export interface Metrics extends LaunchMetrics, MachineMetrics, KubernetesMetrics, DaemonMetrics {
  readonly contentType: string;
  render(): Promise<string>;
  describe(): Promise<readonly MetricDescription[]>;
}

/** Makes a registry of its own, so that two daemons in one process (as in tests) do not meet. */
export function createMetrics(build: BuildInfo): Metrics {
  const register = new Registry();
  const registers = [register];
  const own = {
    ...createLaunchMetrics(registers),
    ...createMachineMetrics(registers),
    ...createKubernetesMetrics(registers),
    ...createDaemonMetrics(registers, build),
  };
  // By default the delay of the event loop is sampled a hundred times a second, which is most of what an idle daemon does.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 500 });
  return {
    ...own,
    contentType: register.contentType,
    render: () => register.metrics(),
    describe: async () => (await register.getMetricsAsJSON()).map(describeMetric),
  };
}

function describeMetric({
  name,
  help,
  type,
  values,
}: MetricObjectWithValues<MetricValue<string>>): MetricDescription {
  const labels = new Map<string, Set<string>>();
  for (const sample of values)
    for (const [label, value] of Object.entries(sample.labels)) {
      if (label === 'le' || label === 'quantile') continue;
      const known = labels.get(label) ?? new Set<string>();
      labels.set(label, known.add(String(value)));
    }
  // Its types say a number; it is the word.
  const kind = kinds.find((each) => each === String(type));
  if (kind === undefined) throw new Error(`Cannot describe the metric ${name}: it is of the kind ${type}`);
  return { name, help, kind, labels };
}
