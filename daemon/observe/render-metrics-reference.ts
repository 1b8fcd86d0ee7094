import { markdownTable } from '../markdown-table.ts';
import type { MetricDescription } from './metrics.ts';
import { prefix } from './metrics/prefix.ts';

/** More values than these are not listed. */
const MAX_VALUES = 12;

const introduction = `# Metrics

<!-- Written by daemon/observe/write-metrics-reference.ts from what the daemon registers. -->

The daemon serves these on \`http-address\` at \`/metrics\`, in the text format of Prometheus. Every series of the driver's own
metrics is there from the start, so that a rate or an alert does not miss the first event. No VM, pod, process or user is
ever a label: what a label can be is listed here, but for what the release and the machine bring. What to make of them, with
a dashboard and alerts: [observability.md](observability.md).

A histogram \`X\` is the series \`X_bucket\`, \`X_sum\` and \`X_count\`.
`;

/** The text of docs/metrics.md. */
export function renderMetricsReference(metrics: readonly MetricDescription[]): string {
  const isOwn = ({ name }: MetricDescription): boolean => name.startsWith(prefix);
  const sorted = metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    introduction,
    "## The driver's own\n",
    `${tableOfOwn(sorted.filter(isOwn))}\n`,
    '## Of the process\n',
    'As `prom-client` has them: memory, time on the processor, the event loop and the garbage collector of the daemon.\n',
    tableOfOthers(sorted.filter((metric) => !isOwn(metric))),
  ].join('\n');
}

/** Without labels: they differ from release to release of Node. */
function tableOfOthers(metrics: readonly MetricDescription[]): string {
  const rows = metrics.map(({ name, kind, help }) => [`\`${name}\``, kind, help.replaceAll('|', '\\|')]);
  return `${markdownTable(['Metric', 'Kind', 'What'], rows)}\n`;
}

function tableOfOwn(metrics: readonly MetricDescription[]): string {
  const rows = metrics.map((metric) => [
    `\`${metric.name}\``,
    metric.kind,
    describeLabels(metric),
    metric.help.replaceAll('|', '\\|'),
  ]);
  return markdownTable(['Metric', 'Kind', 'Labels', 'What'], rows);
}

/** What runs differs from release to release. */
function describeLabels({ name, labels }: MetricDescription): string {
  const hasFixedValues = !name.endsWith('_info');
  const texts = [...labels].map(([label, values]) => {
    if (!hasFixedValues) return `\`${label}\``;
    const named = [...values].map((value) => `\`${value}\``);
    const shown = named.slice(0, MAX_VALUES).join(', ');
    const more = named.length - MAX_VALUES;
    return `\`${label}\`: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
  });
  return texts.length === 0 ? '-' : texts.join('; ');
}
