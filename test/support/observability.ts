import { loadYaml } from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { MetricDescription } from '../../daemon/observe/metrics.ts';
import { deployDirectory } from './manifests.ts';

export const observabilityDirectory = join(deployDirectory, 'observability');
export const rulesFile = join(observabilityDirectory, 'rules.yaml');

/** An alert of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A panel of Grafana; rows have no targets. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

export function readAlertRules(): readonly AlertRule[] {
  const { groups } = loadYaml<{ groups: readonly { rules: readonly AlertRule[] }[] }>(
    readFileSync(rulesFile, 'utf8'),
  );
  return groups.flatMap(({ rules }) => rules);
}

export function readPanels(): readonly Panel[] {
  const text = readFileSync(join(observabilityDirectory, 'dashboard.json'), 'utf8');
  return (JSON.parse(text) as { readonly panels: readonly Panel[] }).panels;
}

/** The queries of the dashboard, with what Grafana puts in place of its variables. */
export function readQueries(): readonly string[] {
  return readPanels()
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'));
}

/** The names of series that metrics bring. */
export function seriesOf(metrics: readonly MetricDescription[]): ReadonlySet<string> {
  return new Set(
    metrics.flatMap(({ name, kind }) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

/** The names of series that a query asks for, but for Prometheus' own. */
export function seriesIn(query: string): readonly string[] {
  return query.match(/\b(?:kubevirt_node_driver|process|nodejs)_[a-z0-9_]+/g) ?? [];
}
