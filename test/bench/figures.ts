import { cpus, loadavg, release } from 'node:os';

/** The value that this part of the samples is not above, e.g. 0.99. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** On which machine, and what else it did. */
export function describeMachine(): string {
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${cpus().length} CPUs, Linux ${release()}, Node ${process.version}, load ${load}`;
}

export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, ...rows]
    .map(([name = '', ...cells]) => name.padEnd(40) + cells.map((cell) => cell.padStart(14)).join(''))
    .join('\n');
}
