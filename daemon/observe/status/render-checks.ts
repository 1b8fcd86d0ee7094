import { html, type Html } from './html.ts';
import { renderTable } from './render-table.ts';
import type { StatusCheck } from './status-check.ts';

const order = ['failure', 'warning', 'ok', 'skipped'] as const;

/** What needs somebody is open to view; the rest is there for who asks for it. */
export function renderChecks(checks: readonly StatusCheck[]): Html {
  const sorted = checks.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  const isOpen = ({ verdict }: StatusCheck): boolean => verdict === 'failure' || verdict === 'warning';
  const open = sorted.filter(isOpen);
  const others = sorted.filter((check) => !isOpen(check));
  const summary =
    open.length === 0 ? 'nothing is wrong' : `${open.length} of ${checks.length} need attention`;
  return html`<section aria-labelledby="checks">
    <h2 id="checks">Checks <span>${summary}</span></h2>
    ${open.length === 0 ? null : tableOf(open)} ${others.length === 0 ? null : renderOthers(others)}
  </section>`;
}

function renderOthers(checks: readonly StatusCheck[]): Html {
  const skipped = checks.filter(({ verdict }) => verdict === 'skipped').length;
  const text = `${checks.length - skipped} ok${skipped === 0 ? '' : `, ${skipped} skipped`}`;
  return html`<details class="others" data-key="checks">
    <summary>${text}</summary>
    ${tableOf(checks)}
  </details>`;
}

function tableOf(checks: readonly StatusCheck[]): Html {
  return renderTable(['Result', 'Check', 'Found'], checks.map(renderCheck), 'checks');
}

function renderCheck({ title, verdict, detail, remedy }: StatusCheck): Html {
  return html`<tr role="row">
    <td role="cell" data-label="Result" class="narrow"><span class="badge ${verdict}">${verdict}</span></td>
    <td role="cell" data-label="Check"><strong>${title}</strong></td>
    <td role="cell" data-label="Found">
      <div>${detail}${remedy === null ? null : html`<span class="sub">${remedy}</span>`}</div>
    </td>
  </tr>`;
}
