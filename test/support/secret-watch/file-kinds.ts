/** What the search for secrets calls a file, by its path below the scratch directory. The first that fits counts. */
const kinds = [
  [/(^|\/)core(\.[^/]*)?$/, 'core file'],
  [/(^|\/)token-ledger[^/]*$/, 'ledger'],
  [/audit[^/]*$/, 'audit log'],
  [/(^|\/)state\//, 'state'],
  [/\.log[^/]*$|(^|\/)log$/, 'log'],
] as const;

export type FileKind = (typeof kinds)[number][1] | 'file';

export function kindOfFile(name: string): FileKind {
  return kinds.find(([pattern]) => pattern.test(name))?.[1] ?? 'file';
}
