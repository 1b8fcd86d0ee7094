/**
 * The word that a person most likely meant.
 *
 * @returns the word with the fewest single edits from `given`; `undefined` when even that is too far to be a slip.
 */
export function nearestWord(given: string, words: readonly string[]): string | undefined {
  const tolerated = Math.max(2, Math.floor(given.length / 3));
  return words
    .filter((word) => Math.abs(word.length - given.length) <= tolerated) // at least as many edits
    .map((word) => ({ word, distance: editDistance(given, word) }))
    .filter(({ distance }) => distance <= tolerated)
    .sort((a, b) => a.distance - b.distance)[0]?.word;
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
