/** What a launch consists of, in the order in which it comes; docs/observability.md says what each is. */
export const launchSteps = [
  'receive',
  'identify',
  'find',
  'secret',
  'kubernetes',
  'reserve',
  'lock',
  'prepare',
  'hand-over',
  'start',
] as const;

export type LaunchStep = (typeof launchSteps)[number];

/** How long one step took; one that was gone through several times, in all. */
export interface LaunchStepTime {
  readonly step: LaunchStep;
  readonly seconds: number;
}

/** Of a file that this daemon, or one of another release, has written: steps that are not known here are left out. */
export function parseStepTimes(text: string): readonly LaunchStepTime[] | null {
  const entries = text.split('\n').flatMap((line) => {
    const [, name, seconds] = /^([a-z-]{1,32}) (\d{1,6}\.\d{6})$/.exec(line) ?? [];
    const step = launchSteps.find((each) => each === name);
    return step === undefined ? [] : [{ step, seconds: Number(seconds) }];
  });
  return entries.length === 0 ? null : entries;
}

/** One line a step: what {@link parseStepTimes} reads. */
export function formatStepTimes(times: readonly LaunchStepTime[]): string {
  return times.map(({ step, seconds }) => `${step} ${seconds.toFixed(6)}\n`).join('');
}
