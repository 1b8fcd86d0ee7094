/** Items in lines, one for each key, of which one is taken from each in turn: who brings many waits behind his own. */
export class RoundRobin<Item> {
  /** The line whose turn is next comes first; none is empty. */
  readonly #lines = new Map<string, Item[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(key: string, item: Item): void {
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, [item]);
    else line.push(item);
    this.#size++;
  }

  /** Takes the first of the line whose turn it is. */
  take(): Item | undefined {
    for (const [key, line] of this.#lines) {
      const item = line.shift();
      this.#lines.delete(key);
      if (line.length > 0) this.#lines.set(key, line);
      this.#size--;
      return item;
    }
    return undefined;
  }

  /** Takes the last of the longest line. */
  takeFromLongest(): Item | undefined {
    let longest: readonly [string, Item[]] | undefined;
    for (const entry of this.#lines) if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry;
    if (longest === undefined) return undefined;
    const [key, line] = longest;
    const item = line.pop();
    if (line.length === 0) this.#lines.delete(key);
    this.#size--;
    return item;
  }
}
