import type { Observation } from './compatibility-row.ts';

/** The parts of an observation that are not as in bare mode; what is missing is called so. */
export function listDifferences(bare: Observation, other: Observation): Observation {
  const keys = [...new Set([...Object.keys(bare), ...Object.keys(other)])];
  return Object.fromEntries(
    keys.filter((key) => bare[key] !== other[key]).map((key) => [key, other[key] ?? 'missing']),
  );
}
