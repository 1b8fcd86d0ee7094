/** Ids of a user namespace, from `first` on, and what the node calls them. */
export interface IdRange {
  readonly first: number;
  readonly nodeFirst: number;
  readonly count: number;
}

/** What `/proc/PID/uid_map` or `gid_map` says to a reader in the node's user namespace. */
export type IdMap = readonly IdRange[];

/** More ranges than this the kernel does not take. */
const MAX_RANGES = 340;
/** The last id is none: it means "as it is" or "unknown". */
const IDS = 0xffff_ffff;

/**
 * Reads the text of a map.
 *
 * @returns `null` when it is empty, as before it is written, or has anything else than ranges of ids that the node has
 */
export function parseIdMap(text: string): IdMap | null {
  if (!text.endsWith('\n')) return null;
  const ranges = text.slice(0, -1).split('\n').map(parseRange);
  return ranges.length <= MAX_RANGES && ranges.every((range) => range !== null) ? ranges : null;
}

function parseRange(line: string): IdRange | null {
  const fields = /^ *(\d{1,10}) +(\d{1,10}) +(\d{1,10})$/.exec(line)?.slice(1).map(Number);
  const [first = NaN, nodeFirst = NaN, count = NaN] = fields ?? [];
  const fits = count > 0 && first + count <= IDS && nodeFirst + count <= IDS;
  // The initial user namespace maps all ids, the last one not among them.
  return fits ? { first, nodeFirst, count } : null;
}

/** What the node calls an id of the namespace; `null` where the namespace does not have it. */
export function nodeIdOf(map: IdMap, id: number): number | null {
  const range = map.find(({ first, count }) => id >= first && id < first + count);
  return range === undefined ? null : range.nodeFirst + (id - range.first);
}

/** What the namespace calls an id of the node; `null` where it does not have it. */
export function podIdOf(map: IdMap, nodeId: number): number | null {
  const range = map.find(({ nodeFirst, count }) => nodeId >= nodeFirst && nodeId < nodeFirst + count);
  return range === undefined ? null : range.first + (nodeId - range.nodeFirst);
}
