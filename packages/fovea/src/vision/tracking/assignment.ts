// Optimal assignment of rows to columns: shortest augmenting paths over dual prices (Kuhn 1955, Munkres 1957; in the form of Jonker & Volgenant 1987).

import { FoveaError } from '../../util/errors.ts'

/** Costs row by row; Infinity forbids a pair. */
export interface AssignmentProblem {
  readonly rows: number
  readonly columns: number
  readonly costs: ArrayLike<number>
  /** Pairs must cost less than this; leaving both alone costs as much. @default Infinity: as many pairs as there can be */
  readonly limit?: number
}

/**
 * The column of each row, -1 for none: of all ways to pair rows with columns, each at most once, the one whose sum of `cost - limit` is least.
 * Without a limit as many rows are paired as finite costs allow, at the least sum. Of equal sums the same one is taken each time. O(n^2 m), n the smaller side.
 *
 * @throws FoveaError TRACKING_INVALID for costs that are NaN, -Infinity or not rows x columns
 */
export function assign({ rows, columns, costs, limit = Number.POSITIVE_INFINITY }: AssignmentProblem): Int32Array {
  if (!(Number.isInteger(rows) && Number.isInteger(columns) && rows >= 0 && columns >= 0 && costs.length === rows * columns))
    throw new FoveaError('TRACKING_INVALID', {
      field: 'costs',
      expected: `rows x columns = ${rows} x ${columns} values`,
      found: String(costs.length),
    })
  if (Number.isNaN(limit)) throw new FoveaError('TRACKING_INVALID', { field: 'limit', expected: 'a number', found: 'NaN' })
  const capped = new Float64Array(rows * columns)
  const ceiling = ceilingOf(costs, limit, Math.min(rows, columns))
  // A pair at the ceiling stands for none: a full assignment of capped costs is then the best partial one.
  for (let i = 0; i < capped.length; i++) capped[i] = Math.min(costs[i]!, ceiling)
  const wide = rows <= columns
  const cost = wide
    ? (row: number, column: number) => capped[row * columns + column]!
    : (row: number, column: number) => capped[column * columns + row]!
  const found = shortestPaths(Math.min(rows, columns), Math.max(rows, columns), cost)
  const out = new Int32Array(rows).fill(-1)
  for (const [short, long] of found.entries()) {
    const [row, column] = wide ? [short, long] : [long, short]
    if (costs[row * columns + column]! < ceiling) out[row] = column
  }
  return out
}

/** The limit; without one, a cost so high that one pair more is always better than none. */
function ceilingOf(costs: ArrayLike<number>, limit: number, pairs: number): number {
  let [low, high] = [0, 0]
  for (let i = 0; i < costs.length; i++) {
    const cost = costs[i]!
    if (Number.isNaN(cost) || cost === Number.NEGATIVE_INFINITY)
      throw new FoveaError('TRACKING_INVALID', { field: `costs[${i}]`, expected: 'a number, or Infinity', found: String(cost) })
    if (cost === Number.POSITIVE_INFINITY) continue
    low = Math.min(low, cost)
    high = Math.max(high, cost)
  }
  return Number.isFinite(limit) ? limit : high + (high - low) * pairs + 1
}

/** The column of each row of a full assignment at least cost; rows are no more than columns. */
function shortestPaths(rows: number, columns: number, cost: (row: number, column: number) => number): Int32Array {
  // Prices of rows and columns: cost - rowPrice - columnPrice is nowhere under 0, and 0 on pairs. Column `columns` stands for the start.
  const rowPrice = new Float64Array(rows)
  const columnPrice = new Float64Array(columns + 1)
  const rowOf = new Int32Array(columns + 1).fill(-1)
  const before = new Int32Array(columns)
  const distance = new Float64Array(columns)
  const done = new Uint8Array(columns + 1)
  for (let start = 0; start < rows; start++) {
    rowOf[columns] = start
    distance.fill(Number.POSITIVE_INFINITY)
    done.fill(0)
    let at = columns
    while (rowOf[at] !== -1) {
      done[at] = 1
      const row = rowOf[at]!
      let [step, next] = [Number.POSITIVE_INFINITY, -1]
      for (let column = 0; column < columns; column++) {
        if (done[column]) continue
        const reduced = cost(row, column) - rowPrice[row]! - columnPrice[column]!
        if (reduced < distance[column]!) {
          distance[column] = reduced
          before[column] = at
        }
        if (distance[column]! < step) {
          step = distance[column]!
          next = column
        }
      }
      for (let column = 0; column <= columns; column++) {
        if (done[column]) {
          rowPrice[rowOf[column]!] = rowPrice[rowOf[column]!]! + step
          columnPrice[column] = columnPrice[column]! - step
        } else if (column < columns) distance[column] = distance[column]! - step
      }
      at = next
    }
    // The path back to the start: each column takes the row of the one before.
    while (at !== columns) {
      const earlier = before[at]!
      rowOf[at] = rowOf[earlier]!
      at = earlier
    }
  }
  const out = new Int32Array(rows)
  for (let column = 0; column < columns; column++) if (rowOf[column] !== -1) out[rowOf[column]!] = column
  return out
}
