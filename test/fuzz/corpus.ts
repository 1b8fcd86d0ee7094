import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The kept inputs of one fuzzer: a file with one input a line, in base64. */
export function corpusFile(name: string): string {
  return join(import.meta.dirname, 'corpora', `${name}.txt`);
}

export function readCorpus(name: string): readonly Buffer[] {
  const file = corpusFile(name);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => Buffer.from(line, 'base64'));
}

/** Sorted, so that a change shows what came and went. */
export function writeCorpus(name: string, inputs: readonly Buffer[]): void {
  const lines = [...new Set(inputs.map((input) => input.toString('base64')))].sort(
    (a, b) => a.length - b.length || (a < b ? -1 : 1),
  );
  writeFileSync(corpusFile(name), lines.map((line) => `${line}\n`).join(''));
}
