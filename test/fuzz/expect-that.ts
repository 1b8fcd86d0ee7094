/** For what must hold on every input: chai's messages cost more than the parsers. */
export function expectThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`It does not hold that ${what}`);
}
