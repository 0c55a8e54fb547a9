// Rows of text as aligned columns.

import { maxOf } from './extremes.ts'

/** The first column is left-aligned, the others right-aligned; two spaces between. A row of undefined becomes a rule. */
export function textTable(rows: readonly (readonly string[] | undefined)[]): string {
  const full = rows.filter((row) => row !== undefined)
  const columns = maxOf(
    full.map((row) => row.length),
    0,
  )
  const widths = Array.from({ length: columns }, (_, column) => maxOf(full.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    widths.map((width, i) => (i === 0 ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width))).join('  ')
  return rows.map((row) => (row === undefined ? widths.map((width) => '─'.repeat(width)).join('  ') : line(row).trimEnd())).join('\n')
}
