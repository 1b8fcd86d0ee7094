import type { Check, ComparisonRow } from './comparison.ts';

const columns = ['what', 'libvirtd', 'pod', 'qemu', 'verdict'] as const;
const titles = { what: '', libvirtd: 'libvirtd', pod: 'pod', qemu: 'QEMU', verdict: 'match' };

/** A long id in a path says no more with all of its characters. */
function shorten(text: string): string {
  return text
    .replace(/[0-9a-f]{64}/g, (id) => `${id.slice(0, 8)}…`)
    .replace(/pod([0-9a-f]{8})-[0-9a-f-]{27}/g, 'pod$1…');
}

/** The comparison as a table of text. */
export function renderTable(rows: readonly ComparisonRow[]): string {
  const lines = [titles, ...rows].map((row) => columns.map((column) => shorten(row[column])));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const render = (line: readonly string[]): string =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = lines;
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [render(head), rule, ...body.map(render)].map((line) => `  ${line}\n`).join('');
}

/** One line for each check. */
export function renderChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ what }) => what.length));
  return checks
    .map(({ what, value, passed }) => `  ${what.padEnd(width)}  ${value}  ${passed ? 'yes' : 'NO'}\n`)
    .join('');
}
