import type { Explanation, StepVerdict } from '../launch/explanation.ts';
import type { ExplainLaunchResponse } from './proto-types.ts';

const verdictNames = {
  ok: 'STEP_VERDICT_OK',
  refused: 'STEP_VERDICT_REFUSED',
  skipped: 'STEP_VERDICT_SKIPPED',
} as const satisfies Record<StepVerdict['verdict'], string>;

export function explanationToProto({ steps, candidates }: Explanation): ExplainLaunchResponse {
  return {
    steps: steps.map(({ step, verdict, message, remedy, code }) => ({
      step,
      verdict: verdictNames[verdict],
      message,
      remedy: remedy ?? '',
      code: code ?? '',
    })),
    candidates: candidates.map(({ pid, podUid, containerId, reason }) => ({
      pid,
      podUid: podUid ?? '',
      containerId: containerId ?? '',
      reason: reason ?? '',
    })),
  };
}
