/** How much a watch has searched, by kind: a search of nothing finds nothing. */
export interface SecretCounts {
  readonly secrets: number;
  readonly files: Counts;
  /** Answers, messages and output, as they came. */
  readonly heard: Counts;
  /** Environments and command lines, by kind of process. */
  readonly samples: Counts;
  /** The program that the kernel gives core files to: those are not searched then. */
  readonly coreHandler: string | null;
}

export type Counts = Readonly<Record<string, number>>;

/**
 * What a whole run of the tests has. Core files are not here: no process of the driver's leaves one, and the one that a test
 * has a shell leave is not to be had on every machine.
 */
const wanted = {
  files: ['log', 'audit log', 'state', 'ledger', 'file'],
  heard: [
    ...['metrics', 'status page', 'event', 'output of a stub', 'output of a command', 'stderr', 'API error'],
    ...[
      'answer of listMachines',
      'answer of getMachine',
      'answer of watchMachines',
      'answer of getNodeStatus',
    ],
    ...['answer of resolveTarget', 'answer of explainLaunch', 'answer of validateSecret'],
  ],
  samples: ['stub', 'broker', 'shim', 'emulator', 'daemon or command'],
};

/** Kinds of things that a whole run must have and this one had not. */
export function listMissing(counts: SecretCounts): readonly string[] {
  const lacks = (all: Counts, kinds: readonly string[]): readonly string[] =>
    kinds.filter((kind) => (all[kind] ?? 0) === 0);
  return [
    ...(counts.secrets === 0 ? ['secret'] : []),
    ...lacks(counts.files, wanted.files),
    ...lacks(counts.heard, wanted.heard),
    ...lacks(counts.samples, wanted.samples).map((kind) => `process: ${kind}`),
  ];
}

export function describeCounts({ secrets, files, heard, samples, coreHandler }: SecretCounts): string {
  const list = (counts: Counts): string =>
    Object.entries(counts)
      .map(([kind, count]) => `${count} of ${kind}`)
      .join(', ') || 'none';
  const cores = coreHandler === null ? '' : `; no core files, which the kernel gives to "${coreHandler}"`;
  return (
    `secret watch: ${secrets} secrets, searched for in files: ${list(files)}; answers and output: ${list(heard)}; ` +
    `environments and command lines of processes: ${list(samples)}${cores}`
  );
}
