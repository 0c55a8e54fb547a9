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
 * Without a limit as many rows are paired as finite costs allow, at the least sum. Of equal sums the same one is taken each time. O(n^2 m), n the smaller side, for each part of the
 * problem that has no pair under the limit with the rest.
 *
 * @throws FoveaError TRACKING_INVALID for costs that are NaN, -Infinity or not rows x columns
 */
export function linearAssignment({ rows, columns, costs, limit = Number.POSITIVE_INFINITY }: AssignmentProblem): Int32Array {
  if (!(Number.isInteger(rows) && Number.isInteger(columns) && rows >= 0 && columns >= 0 && costs.length === rows * columns))
    throw new FoveaError('TRACKING_INVALID', {
      field: 'costs',
      expected: `rows x columns = ${rows} x ${columns} values`,
      found: String(costs.length),
    })
  if (Number.isNaN(limit)) throw new FoveaError('TRACKING_INVALID', { field: 'limit', expected: 'a number', found: 'NaN' })
  const ceiling = ceilingOf(costs, limit, Math.min(rows, columns))
  const out = new Int32Array(rows).fill(-1)
  for (const group of groupsOf(costs, ceiling, rows, columns)) solve(group, costs, ceiling, columns, out)
  return out
}

/** Rows and columns that have to do with one another. */
interface Group {
  readonly rows: readonly number[]
  readonly columns: readonly number[]
}

/** Parts of the problem that share no pair under the ceiling: boxes far from each other. Those without any pair are in none. */
function groupsOf(costs: ArrayLike<number>, ceiling: number, rows: number, columns: number): Group[] {
  // Rows, then columns; each points to another of its group.
  const parents = Int32Array.from({ length: rows + columns }, (_, i) => i)
  const rootOf = (at: number) => {
    let i = at
    while (parents[i] !== i) {
      parents[i] = parents[parents[i]!]!
      i = parents[i]!
    }
    return i
  }
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      if (costs[row * columns + column]! < ceiling) parents[rootOf(rows + column)] = rootOf(row)
  const groups = new Map<number, { rows: number[]; columns: number[] }>()
  for (let i = 0; i < rows + columns; i++) {
    const root = rootOf(i)
    let group = groups.get(root)
    if (group === undefined) {
      group = { rows: [], columns: [] }
      groups.set(root, group)
    }
    if (i < rows) group.rows.push(i)
    else group.columns.push(i - rows)
  }
  return [...groups.values()].filter((group) => group.rows.length > 0 && group.columns.length > 0)
}

/** Pairs the rows of a group. */
function solve({ rows, columns }: Group, costs: ArrayLike<number>, ceiling: number, stride: number, out: Int32Array): void {
  const [short, long] = rows.length <= columns.length ? [rows, columns] : [columns, rows]
  const isTurned = short !== rows
  const costAt = (i: number, j: number) => costs[isTurned ? long[j]! * stride + short[i]! : short[i]! * stride + long[j]!]!
  // A pair at the ceiling stands for none: a full assignment of capped costs is then the best partial one.
  const capped = new Float64Array(short.length * long.length)
  for (let i = 0; i < short.length; i++) for (let j = 0; j < long.length; j++) capped[i * long.length + j] = Math.min(costAt(i, j), ceiling)
  for (const [i, j] of shortestPaths(short.length, long.length, capped).entries()) {
    if (!(costAt(i, j) < ceiling)) continue
    const [row, column] = isTurned ? [long[j]!, short[i]!] : [short[i]!, long[j]!]
    out[row] = column
  }
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
function shortestPaths(rows: number, columns: number, costs: Float64Array): Int32Array {
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
        const reduced = costs[row * columns + column]! - rowPrice[row]! - columnPrice[column]!
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
