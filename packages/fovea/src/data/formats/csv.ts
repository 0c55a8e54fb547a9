// CSV of label files (RFC 4180): read into rows by the names of their columns, and written.

import { parse } from 'csv-parse/sync'
import { FoveaError } from '../../util/errors.ts'

/**
 * Rows of text cells. Blank lines are left out, cells are trimmed.
 * @param most reads no more rows
 * @throws DATASET_MALFORMED, as for a quote that never ends
 */
export function parseCsv(text: string, file: string, delimiter = ',', most?: number): string[][] {
  try {
    return parse(text, {
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      bom: true,
      max_record_size: 10_000_000,
      ...(most === undefined ? {} : { to: most }),
    })
  } catch (cause) {
    throw new FoveaError('DATASET_MALFORMED', {
      file,
      expected: `values separated by ${delimiter === '\t' ? 'tabs' : `"${delimiter}"`}`,
      found: (cause as Error).message.slice(0, 200),
      cause,
    })
  }
}

/** Rows as they are named in the first line; a row's missing cells are ''. */
export function namedRows(rows: readonly (readonly string[])[]): { columns: string[]; rows: ReadonlyMap<string, string>[] } {
  const columns = [...(rows[0] ?? [])]
  return { columns, rows: rows.slice(1).map((row) => new Map(columns.map((name, i) => [name, row[i] ?? '']))) }
}

export function printCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\n`).join('')
}

function cell(value: string | number): string {
  const text = String(value)
  // A row that is one empty cell would be a blank line.
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
