// How the report looks, on screens light and dark and on paper; and the few lines that sort its tables.

import { ink } from '../../vision/drawing/colors.ts'

/** Inks of drawings in the dark: a rule in the style sheet wins over an attribute of an SVG. */
const darkInks = [
  [ink.title, '#f1f5f9'],
  [ink.text, '#cbd5e1'],
  [ink.faint, '#94a3b8'],
  [ink.axis, '#64748b'],
  [ink.grid, '#273244'],
  ['#f3f4f6', '#273244'],
] as const

const darkDrawings = darkInks
  .map(([light, dark]) => `.plot svg [fill="${light}"]{fill:${dark}}.plot svg [stroke="${light}"]{stroke:${dark}}`)
  .join('')

export const reportStyle = `
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#111827;--text:#374151;--faint:#6b7280;--line:#e5e7eb;--accent:#0072b2;--soft:#e8f1f8;
--good:#15803d;--bad:#b91c1c;--warn:#92400e;--warnsoft:#fef3c7;--shadow:0 1px 2px rgba(15,23,42,.06),0 1px 8px rgba(15,23,42,.04)}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--text);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:1120px;margin:0 auto;padding:40px 24px 64px}
header{margin-bottom:28px}
.eyebrow{color:var(--accent);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
h1{color:var(--ink);font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:6px 0 4px}
h2{color:var(--ink);font-size:19px;letter-spacing:-.01em;margin:44px 0 14px}
h2+p.lead{margin-top:-8px}
h3{color:var(--ink);font-size:14px;margin:0 0 10px}
p{margin:0 0 10px}
.lead,.small{color:var(--faint)}
.small{font-size:13px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow);padding:20px 22px}
.summary{border-left:4px solid var(--accent)}
.summary p.first{color:var(--ink);font-size:20px;line-height:1.35;font-weight:600;letter-spacing:-.01em;margin-bottom:12px}
.summary ul{margin:0;padding-left:20px}
.summary li{margin:5px 0}
.summary b{color:var(--ink)}
.warn{background:var(--warnsoft);color:var(--warn);border-radius:8px;padding:9px 14px;margin:14px 0 0;font-size:14px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(196px,1fr));gap:14px;margin-top:18px}
.figure .name{font-size:13px;color:var(--faint);min-height:2.9em;line-height:1.4}
.figure .value{color:var(--ink);font-size:28px;font-weight:650;letter-spacing:-.02em;line-height:1.1;font-variant-numeric:tabular-nums}
.figure .range{font-size:12.5px;color:var(--faint);margin-top:4px;font-variant-numeric:tabular-nums}
.track{position:relative;height:6px;border-radius:3px;background:var(--line);margin-top:10px}
.track i{position:absolute;top:0;bottom:0;border-radius:3px;background:var(--accent);opacity:.35;left:calc(var(--low)*100%);width:max(4px,calc((var(--high) - var(--low))*100%))}
.track b{position:absolute;top:-3px;width:3px;height:12px;border-radius:2px;background:var(--accent);left:calc(var(--at)*100% - 1.5px)}
.scroll{overflow-x:auto;padding:6px 8px}
.tall{max-height:min(80vh,820px);overflow:auto;padding-top:0}
.tall thead th{position:sticky;top:0;background:var(--card);padding-top:14px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:8px 12px;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:120px}
tr:last-child td{border-bottom:0}
thead th{color:var(--faint);font-weight:600;font-size:12.5px;vertical-align:bottom}
thead button{all:unset;cursor:pointer;color:inherit}
thead button:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
th[aria-sort=ascending] button::after{content:" ▲"}
th[aria-sort=descending] button::after{content:" ▼"}
td .range{display:block;font-size:11.5px;color:var(--faint)}
td.name{color:var(--ink);font-weight:550}
td .meter{display:block;height:3px;border-radius:2px;background:var(--line);margin-top:4px;min-width:64px}
td .meter i{display:block;height:100%;border-radius:2px;background:var(--accent);width:calc(var(--at)*100%)}
td.good{color:var(--good);font-weight:600}td.bad{color:var(--bad);font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,500px),1fr));gap:16px;align-items:start}
.plot{padding:8px;margin:0}
.plot svg{display:block;width:100%;height:auto;max-height:620px}
.plot.wide{grid-column:1/-1}.plot.wide svg{max-width:100%;width:auto;max-height:none;margin:auto}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:16px}
.pictures figure{margin:0;padding:0;overflow:hidden}
.pictures .frame{display:flex;align-items:center;justify-content:center;background:#0f172a;aspect-ratio:1}
.pictures img{display:block;max-width:100%;max-height:100%;width:100%;height:100%;object-fit:contain}
.pictures figcaption{padding:10px 12px 12px;font-size:12.5px;line-height:1.4}
.pictures figcaption b{display:block;color:var(--ink);font-size:13.5px}
.pictures .mistake b{color:var(--bad)}
.pictures code{color:var(--faint);font-size:11px}
.key{display:inline-flex;align-items:center;gap:6px;margin-right:16px;font-size:13px}
.key i{width:12px;height:12px;border-radius:3px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 18px;margin:0;font-size:14px}
dt{color:var(--faint)}dd{margin:0;color:var(--ink)}
code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details summary{cursor:pointer;color:var(--accent);margin-top:12px;font-size:14px}
footer{margin-top:48px;color:var(--faint);font-size:12.5px}
@media screen and (prefers-color-scheme:dark){
:root{--paper:#0b111b;--card:#131c2a;--ink:#f1f5f9;--text:#cbd5e1;--faint:#94a3b8;--line:#273244;--accent:#4da6dc;--soft:#16283a;--good:#4ade80;--bad:#f87171;
--warn:#fcd34d;--warnsoft:#3a2c0a;--shadow:none}
.plot svg>rect:first-child{fill:transparent}${darkDrawings}
.plot svg .cells [fill="${ink.title}"]{fill:${ink.title}}}
@media print{:root{color-scheme:light;--paper:#fff;--shadow:none}body{font-size:11pt}main{max-width:none;padding:0}
.card,figure,tr{break-inside:avoid}h2{break-after:avoid}.plots{grid-template-columns:1fr 1fr}.tall{max-height:none}details>*{display:block}}
`.trim()

/** Sorts a table by the column whose heading is pressed: by \`data-value\` where cells have one, else by their text. */
export const reportScript = `
for (const button of document.querySelectorAll('thead button')) button.addEventListener('click', () => {
  const heading = button.closest('th'), table = heading.closest('table'), body = table.tBodies[0], column = heading.cellIndex
  const falling = heading.getAttribute('aria-sort') !== 'descending' && (heading.getAttribute('aria-sort') === 'ascending' || column > 0)
  for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort')
  heading.setAttribute('aria-sort', falling ? 'descending' : 'ascending')
  const value = (row) => { const { dataset, textContent } = row.cells[column]; return dataset.value === undefined ? textContent : Number(dataset.value) }
  const order = (a, b) => { const [x, y] = [value(a), value(b)]
    if (typeof x === 'string') return x.localeCompare(y, undefined, { numeric: true })
    return Number.isNaN(x) ? (falling ? -1 : 1) : Number.isNaN(y) ? (falling ? 1 : -1) : x - y }
  const rows = [...body.rows].sort(order)
  body.append(...(falling ? rows.reverse() : rows))
})
`.trim()
