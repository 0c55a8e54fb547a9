// Principal component analysis (Pearson 1901) of many rows: the few directions in which they differ most.

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'

export interface PrincipalComponents {
  /** Rows on the components, row-major [rows, components], each column with a mean of 0. */
  readonly scores: Float64Array
  /** Unit vectors, row-major [components, columns]; the entry of largest size is positive, so that signs are the same everywhere. */
  readonly directions: Float64Array
  /** Variance along each, falling. */
  readonly variances: readonly number[]
  /** Variance of all columns together. */
  readonly total: number
}

/** Directions that are iterated beside the wanted ones: near-equal variances converge by far faster then. */
const extra = 6
const maxRounds = 200

/**
 * The first principal components, by subspace iteration (Golub & Van Loan, Matrix Computations, 8.2): a few products with the data
 * instead of a decomposition of a columns x columns matrix. The same data give the same result.
 *
 * @param data row-major [rows, columns], finite
 * @param count wanted components; fewer come back where rows or columns are fewer
 * @throws FoveaError DRAWING_INVALID where the data are not finite or do not fit
 */
export function principalComponents(data: ArrayLike<number>, rows: number, columns: number, count: number): PrincipalComponents {
  if (data.length !== rows * columns || rows < 1 || columns < 1)
    throw new FoveaError('DRAWING_INVALID', { field: 'data', expected: `${rows} x ${columns} values`, found: `${data.length}` })
  const { centred, total } = centre(data, rows, columns)
  const kept = Math.min(count, rows, columns)
  const width = Math.min(kept + extra, rows, columns)
  const random = new Random(0, 'principal components')
  let basis = Float64Array.from({ length: width * columns }, () => random.uniform(-1, 1))
  let variances = orthonormalize(basis, width, columns)
  for (let round = 0; round < maxRounds; round++) {
    basis = backProject(centred, project(centred, basis, rows, columns, width), rows, columns, width)
    const next = orthonormalize(basis, width, columns).map((length) => length / Math.max(1, rows - 1))
    const settled = next.slice(0, kept).every((variance, i) => Math.abs(variance - variances[i]!) <= 1e-9 * (total + 1e-300))
    variances = next
    if (settled && round > 3) break
  }
  const directions = basis.slice(0, kept * columns)
  for (let k = 0; k < kept; k++) orient(directions.subarray(k * columns, (k + 1) * columns))
  return { scores: project(centred, directions, rows, columns, kept), directions, variances: variances.slice(0, kept), total }
}

function centre(data: ArrayLike<number>, rows: number, columns: number): { centred: Float64Array; total: number } {
  const mean = new Float64Array(columns)
  for (let i = 0; i < data.length; i++) mean[i % columns] = mean[i % columns]! + data[i]! / rows
  const centred = Float64Array.from(data, (value, i) => value - mean[i % columns]!)
  let squares = 0
  for (const value of centred) squares += value * value
  if (!Number.isFinite(squares)) throw new FoveaError('DRAWING_INVALID', { field: 'data', expected: 'finite values', found: 'others' })
  return { centred, total: squares / Math.max(1, rows - 1) }
}

/** [rows, width] = data · basisᵀ */
function project(data: Float64Array, basis: Float64Array, rows: number, columns: number, width: number): Float64Array {
  const out = new Float64Array(rows * width)
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < width; k++) {
      let sum = 0
      for (let c = 0, from = r * columns, at = k * columns; c < columns; c++) sum += data[from + c]! * basis[at + c]!
      out[r * width + k] = sum
    }
  return out
}

/** [width, columns] = scoresᵀ · data */
function backProject(data: Float64Array, scores: Float64Array, rows: number, columns: number, width: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(width * columns)
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < width; k++) {
      const score = scores[r * width + k]!
      for (let c = 0, from = r * columns, at = k * columns; c < columns; c++) out[at + c] = out[at + c]! + score * data[from + c]!
    }
  return out
}

/** Gram-Schmidt, twice for its rounding; gives the lengths that the rows had. */
function orthonormalize(basis: Float64Array, width: number, columns: number): number[] {
  const lengths: number[] = []
  for (let k = 0; k < width; k++) {
    const row = basis.subarray(k * columns, (k + 1) * columns)
    for (let pass = 0; pass < 2; pass++)
      for (let j = 0; j < k; j++) {
        const other = basis.subarray(j * columns, (j + 1) * columns)
        const along = dot(row, other)
        for (let c = 0; c < columns; c++) row[c] = row[c]! - along * other[c]!
      }
    const length = Math.sqrt(dot(row, row))
    lengths.push(length)
    // A direction that the data do not have stays zero.
    for (let c = 0; c < columns; c++) row[c] = length > 1e-150 ? row[c]! / length : 0
  }
  return lengths
}

function orient(direction: Float64Array): void {
  let peak = 0
  for (const value of direction) if (Math.abs(value) > Math.abs(peak) + 1e-12) peak = value
  if (peak < 0) for (let c = 0; c < direction.length; c++) direction[c] = -direction[c]!
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
