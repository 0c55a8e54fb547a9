// Parts that sections of the report are made of.

import { type HtmlValue, html, Markup } from './markup.ts'

/** Rows of a table beyond these are left out, and it says so. */
const maxRows = 1000
/** A table of more rows than these scrolls. */
const tallRows = 40
/** A plot that is wider has the width of the page: in a column its names could not be read. */
const plotWidth = 700

/** A table whose headings sort it; one of many rows scrolls, so that what comes after it is found. */
export function table(headings: readonly string[], rows: readonly (readonly Markup[])[]): Markup {
  return html`<div class="card scroll${rows.length > tallRows && ' tall'}"><table><thead><tr>${headings.map((one) => html`<th scope="col"><button type="button">${one}</button></th>`)}</tr></thead>
<tbody>${rows.slice(0, maxRows).map((row) => html`<tr>${row}</tr>`)}</tbody></table></div>
${rows.length > maxRows && html`<p class="small">${rows.length - maxRows} more are not shown.</p>`}`
}

export function nameCell(name: string): Markup {
  return html`<td class="name">${name}</td>`
}

export function numberCell(value: number, text: string, ...more: readonly HtmlValue[]): Markup {
  return html`<td data-value="${String(value)}">${text}${more}</td>`
}

/** The SVG is our own: its texts are paths, or escaped, its values numbers. */
export function plotFigure(title: string, svg: string): Markup {
  const isWide = Number(/ width="(\d+)"/.exec(svg)?.[1]) > plotWidth
  return html`<figure class="card plot${isWide && ' wide'}" role="img" aria-label="${title}">${new Markup(svg)}</figure>`
}
