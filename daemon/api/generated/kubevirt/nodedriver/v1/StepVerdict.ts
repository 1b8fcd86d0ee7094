// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

export const StepVerdict = {
  STEP_VERDICT_UNSPECIFIED: 'STEP_VERDICT_UNSPECIFIED',
  STEP_VERDICT_OK: 'STEP_VERDICT_OK',
  STEP_VERDICT_REFUSED: 'STEP_VERDICT_REFUSED',
  STEP_VERDICT_SKIPPED: 'STEP_VERDICT_SKIPPED',
} as const;

export type StepVerdict =
  | 'STEP_VERDICT_UNSPECIFIED'
  | 0
  | 'STEP_VERDICT_OK'
  | 1
  | 'STEP_VERDICT_REFUSED'
  | 2
  | 'STEP_VERDICT_SKIPPED'
  | 3

export type StepVerdict__Output = typeof StepVerdict[keyof typeof StepVerdict]
