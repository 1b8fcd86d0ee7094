import { html, type Html } from './html.ts';

/**
 * A table that narrow screens show as a list: the roles keep it a table for those who hear it.
 *
 * @param rows each a `<tr>`, whose cells repeat their column's title as `data-label`
 * @param look further classes
 */
export function renderTable(titles: readonly string[], rows: readonly Html[], look = ''): Html {
  return html`<table class="wide${look === '' ? '' : ` ${look}`}" role="table">
    <thead role="rowgroup">
      <tr role="row">
        ${titles.map((title) => html`<th scope="col" role="columnheader">${title}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows}
    </tbody>
  </table>`;
}
