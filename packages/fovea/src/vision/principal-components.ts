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
const maxRounds = 60
/** Part of all variance by which a round must still change one; far below what a drawing shows. */
const tolerance = 1e-7

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
  const multiply = scatterProduct(centred, rows, columns, width)
  for (let round = 0; round < maxRounds; round++) {
    basis = multiply(basis)
    const next = orthonormalize(basis, width, columns).map((length) => length / Math.max(1, rows - 1))
    const settled = next.slice(0, kept).every((variance, i) => Math.abs(variance - variances[i]!) <= tolerance * (total + 1e-300))
    variances = next
    if (settled && round > 3) break
  }
  return { ...ordered(centred, basis, rows, columns, width, kept), total }
}

/** The directions by the variance that the data have along each, falling. */
function ordered(
  data: Float64Array,
  basis: Float64Array,
  rows: number,
  columns: number,
  width: number,
  kept: number,
): Omit<PrincipalComponents, 'total'> {
  const along = project(data, basis, rows, columns, width)
  const measured = Array.from({ length: width }, (_, k) => {
    let squares = 0
    for (let r = 0; r < rows; r++) squares += along[r * width + k]! ** 2
    return squares / Math.max(1, rows - 1)
  })
  const order = [...measured.keys()].sort((a, b) => measured[b]! - measured[a]! || a - b).slice(0, kept)
  const directions = new Float64Array(kept * columns)
  order.forEach((from, k) => {
    const direction = basis.slice(from * columns, (from + 1) * columns)
    orient(direction)
    directions.set(direction, k * columns)
  })
  return { scores: project(data, directions, rows, columns, kept), directions, variances: order.map((k) => measured[k]!) }
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

/** Multiplies a basis by dataᵀ · data: through the data, or through that matrix where it costs less to have it. */
function scatterProduct(
  data: Float64Array,
  rows: number,
  columns: number,
  width: number,
): (basis: Float64Array) => Float64Array<ArrayBuffer> {
  const through = maxRounds * 2 * rows * columns * width
  if (columns ** 2 * (rows / 2 + maxRounds * width) >= through)
    return (basis) => backProject(data, project(data, basis, rows, columns, width), rows, columns, width)
  const scatter = new Float64Array(columns * columns)
  for (let r = 0; r < rows; r++)
    for (let i = 0, from = r * columns; i < columns; i++) {
      const value = data[from + i]!
      if (value === 0) continue
      for (let j = i, at = i * columns + i; j < columns; j++, at++) scatter[at] = scatter[at]! + value * data[from + j]!
    }
  for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) scatter[i * columns + j] = scatter[j * columns + i]!
  return (basis) => backProject(scatter, transposed(basis, width, columns), columns, columns, width)
}

function transposed(basis: Float64Array, width: number, columns: number): Float64Array {
  return Float64Array.from({ length: width * columns }, (_, i) => basis[(i % width) * columns + Math.floor(i / width)]!)
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
