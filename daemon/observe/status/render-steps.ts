import type { LaunchStepTime } from '../../machines/launch-step.ts';
import { html, type Html } from './html.ts';
import { formatSeconds } from './render-time.ts';

/** The steps of a launch behind what they add up to. `key`: keeps them open over a refresh. */
export function renderSteps(key: string, steps: readonly LaunchStepTime[]): Html {
  if (steps.length === 0) return html`-`;
  const all = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = steps.map(
    ({ step, seconds }) =>
      html`<tr>
        <td>${step}</td>
        <td>${formatSeconds(seconds)}</td>
      </tr>`,
  );
  return html`<details data-key="${key}">
    <summary>${formatSeconds(all)}</summary>
    <table class="steps">
      <tbody>
        ${rows}
      </tbody>
    </table>
  </details>`;
}
