/** Where an item belongs: in whose lines, and in which of them. */
export interface LineKey {
  readonly owner: string;
  readonly line: string;
}

interface Owner<Item> {
  /** The line whose turn is next comes first; none is empty. */
  readonly lines: Map<string, Item[]>;
  size: number;
}

/**
 * Items of which one is taken of each owner in turn, and of the lines of an owner in turn: who brings many waits behind his
 * own, however many lines he makes of them.
 */
export class RoundRobin<Item> {
  /** The owner whose turn is next comes first; none has nothing. */
  readonly #owners = new Map<string, Owner<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push({ owner: name, line: key }: LineKey, item: Item): void {
    const owner = this.#owners.get(name) ?? { lines: new Map<string, Item[]>(), size: 0 };
    const line = owner.lines.get(key) ?? [];
    line.push(item);
    owner.lines.set(key, line);
    owner.size++;
    this.#owners.set(name, owner);
    this.#size++;
  }

  /** Takes the first item of the owner and of the line whose turn it is. */
  take(): Item | undefined {
    for (const [name, owner] of this.#owners)
      for (const [key, line] of owner.lines) {
        const item = line.shift();
        // Whoever had his turn comes last.
        owner.lines.delete(key);
        if (line.length > 0) owner.lines.set(key, line);
        this.#owners.delete(name);
        if (--owner.size > 0) this.#owners.set(name, owner);
        this.#size--;
        return item;
      }
    return undefined;
  }

  /** Takes the last item of the longest line of the owner who has the most; of equal ones of the one that waits shortest. */
  takeFromLongest(): Item | undefined {
    const [name, owner] = largest(this.#owners, ({ size }) => size) ?? [];
    const [key, line] = largest(owner?.lines, ({ length }) => length) ?? [];
    if (name === undefined || owner === undefined || key === undefined || line === undefined)
      return undefined;
    const item = line.pop();
    if (line.length === 0) owner.lines.delete(key);
    if (--owner.size === 0) this.#owners.delete(name);
    this.#size--;
    return item;
  }
}

function largest<Value>(
  map: ReadonlyMap<string, Value> | undefined,
  sizeOf: (value: Value) => number,
): [string, Value] | undefined {
  let found: [string, Value] | undefined;
  for (const entry of map ?? [])
    if (found === undefined || sizeOf(entry[1]) >= sizeOf(found[1])) found = entry;
  return found;
}
