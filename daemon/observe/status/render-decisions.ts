import { html, type Html } from './html.ts';
import type { RecentDecision } from './recent-decisions.ts';
import { renderSteps } from './render-steps.ts';
import { renderTable } from './render-table.ts';
import { renderTime } from './render-time.ts';

const looks = { started: 'ok', allowed: 'warning', refused: 'failure' } as const;

export function renderDecisions(decisions: readonly RecentDecision[], now: Date): Html {
  const body =
    decisions.length === 0
      ? html`<p class="empty">This daemon has not decided on anything yet.</p>`
      : renderTable(
          titles,
          decisions.map((each) => renderDecision(each, now)),
        );
  return html`<section aria-labelledby="decisions">
    <h2 id="decisions">Decisions <span>newest first, since this daemon started</span></h2>
    ${body}
  </section>`;
}

const titles = ['When', 'Result', 'VM', 'Why', 'Took'];

function renderDecision(decision: RecentDecision, now: Date): Html {
  const { at, result, vm, domain, kind, code, cause, launchId, podUid, steps, times } = decision;
  const valid = kind === 'secret check' && result === 'started';
  const name = vm?.name ?? vm?.uuid ?? domain;
  const uuid = vm !== null && vm.name !== null ? vm.uuid : null;
  return html`<tr role="row">
    <td role="cell" data-label="When" class="narrow">${renderTime(at, now)}</td>
    <td role="cell" data-label="Result" class="narrow">
      <div>
        <span class="badge ${looks[result]}">${valid ? 'valid' : result}</span
        >${times > 1 ? html`<span class="sub">${times} times</span>` : null}
      </div>
    </td>
    <td role="cell" data-label="VM">
      <div>
        ${name === null ? 'not named' : html`<strong>${name}</strong>`}${uuid === null ? null : html`<span class="sub">${uuid}</span>`}${podUid === null ? null : html`<span class="sub">pod <code>${podUid}</code></span>`}
      </div>
    </td>
    <td role="cell" data-label="Why">
      <div>
        ${code === null ? (kind === 'launch' ? 'All checks passed' : 'The secret counts') : html`<code>${code}</code>`}${cause === null ? null : html`<span class="sub">${cause}</span>`}${launchId === null ? null : html`<span class="sub">launch <code>${launchId}</code></span>`}
      </div>
    </td>
    <td role="cell" data-label="Took" class="narrow">${renderSteps(`decision ${launchId ?? ''}`, steps)}</td>
  </tr>`;
}
