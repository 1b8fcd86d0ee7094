import type { CompatibilityRow, Observation, StageMode } from './compatibility-row.ts';
import type { KnownDifference } from './known-differences.ts';
import { listDifferences } from './list-differences.ts';
import type { RunResults } from './run-results.ts';

const introduction = `# What libvirt can do with a VM of the node driver

Each operation is tried in the same way in three modes by \`test/e2e/compatibility.test.ts\`: with QEMU itself as the
emulator (bare), in fork mode and in exec mode; what is seen in the latter two is compared with the first. This page is
made from those runs by \`npm run generate:docs\`. A difference that is not listed here is a failed test.
`;

const notes = `## Reading the table

- **works**: bare QEMU did it. **refused**: with bare QEMU libvirt refuses it, or a part of it, as listed above.
- **same**: everything that was looked at is as with bare QEMU: what libvirt says, what the guest goes through, what
  becomes of the processes, and that nothing is left in the pod.
- A migration needs a URI that both ends can reach from where they are: each QEMU listens in the network namespace, and
  at the paths, of its own pod. The destination's XML carries the secret of the destination's pod (\`--xml\`).
- Files that are plugged in later (disks, snapshots, copies) must be on a volume that the pod and libvirt see at the same
  path.
`;

function describeBare(observation: Observation | undefined): string {
  if (observation === undefined) return 'not tried';
  const refusal = Object.values(observation).find((value) => value.startsWith('error'));
  return refusal === undefined ? 'works' : 'refused';
}

/** What libvirt says no to with bare QEMU, and to which part of the row; once where all versions say the same. */
function listRefusals({ operation }: CompatibilityRow, runs: readonly RunResults[]): readonly string[] {
  const said = runs.flatMap(({ libvirt, observations }) =>
    Object.entries(observations[operation]?.bare ?? {})
      .filter(([, value]) => value.startsWith('error'))
      .map(([part, value]) => ({ libvirt, text: `${part}: ${value.replace('error: ', '')}` })),
  );
  return [...new Set(said.map(({ text }) => text))].map((text) => {
    const versions = said.filter((each) => each.text === text).map(({ libvirt }) => libvirt);
    const where = versions.length === runs.length ? '' : ` (libvirt ${versions.join(', ')})`;
    return `- \`${operation}\`${where}: ${text}`;
  });
}

function compare(
  observed: RunResults['observations'][string] | undefined,
  mode: Exclude<StageMode, 'bare'>,
): string {
  const { bare, [mode]: other } = observed ?? {};
  if (bare === undefined || other === undefined) return 'not tried';
  return Object.keys(listDifferences(bare, other)).length === 0 ? 'same' : 'differs';
}

const refusalNote = `With \`cgroup_controllers = [ ]\`, which the node driver needs since the kubelet owns the cgroups, libvirt sets no
scheduler, memory and block I/O limits. The rest lies in the operation itself, such as a second start, or in the small guest of these tests.`;

/** One word where all runs agree, else one for each version of libvirt. */
function summarize(runs: readonly RunResults[], describe: (run: RunResults) => string): string {
  const words = runs.map((run) => [run.libvirt, describe(run)] as const);
  const [first] = words;
  if (words.every(([, word]) => word === first?.[1])) return first?.[1] ?? 'not tried';
  return words.map(([version, word]) => `${version}: ${word}`).join('<br>');
}

/** docs/libvirt-compatibility.md, before it is formatted. */
export function renderCompatibility(
  rows: readonly CompatibilityRow[],
  runs: readonly RunResults[],
  differences: readonly KnownDifference[],
): string {
  const noteOf = (operation: string, mode: StageMode): string => {
    const index = differences.findIndex((each) => each.operation === operation && each.mode === mode);
    return index < 0 ? '' : ` (${index + 1})`;
  };
  const renderRow = ({ operation }: CompatibilityRow): string => {
    const cells = [
      `\`${operation}\``,
      summarize(runs, (run) => describeBare(run.observations[operation]?.bare)),
      ...(['fork', 'exec'] as const).map(
        (mode) =>
          summarize(runs, (run) => compare(run.observations[operation], mode)) + noteOf(operation, mode),
      ),
    ];
    return `| ${cells.join(' | ')} |`;
  };
  const groups = [...new Set(rows.map(({ group }) => group))];
  const tables = groups.map((group) =>
    [
      `## ${group}\n`,
      '| operation | bare | fork | exec |',
      '| --- | --- | --- | --- |',
      ...rows.filter((row) => row.group === group).map(renderRow),
    ].join('\n'),
  );
  const listed = differences.map(
    ({ operation, mode, observed, reason }, index) =>
      `${index + 1}. \`${operation}\` in ${mode} mode: ${Object.entries(observed)
        .map(([key, value]) => `${key} is ${value}`)
        .join(', ')}. ${reason}`,
  );
  const tried = runs.map(({ libvirt, qemu, system }) => `| ${libvirt} | ${qemu} | ${system} |`);
  return [
    introduction,
    ['| libvirt | QEMU | on |', '| --- | --- | --- |', ...tried].join('\n'),
    ...tables,
    `## Differences\n\n${listed.join('\n')}`,
    `## What libvirt refuses with bare QEMU, too\n\n${refusalNote}\n\n${rows.flatMap((row) => listRefusals(row, runs)).join('\n')}`,
    notes,
  ].join('\n\n');
}
