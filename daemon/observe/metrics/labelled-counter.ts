import { Counter, type Registry } from 'prom-client';

import { prefix } from './prefix.ts';

export interface LabelledCounterOptions<Value extends string> {
  /** Without the prefix. */
  readonly name: string;
  readonly help: string;
  readonly label: string;
  /** All that there are: each is there from the beginning, as 0. */
  readonly values: readonly Value[];
  readonly registers: Registry[];
}

/** A counter with one label of known values. @returns counts one more */
export function labelledCounter<Value extends string>({
  name,
  help,
  label,
  values,
  registers,
}: LabelledCounterOptions<Value>): (value: Value) => void {
  const counter = new Counter({ name: `${prefix}${name}`, help, labelNames: [label], registers });
  for (const value of values) counter.inc({ [label]: value }, 0);
  return (value) => counter.inc({ [label]: value });
}
