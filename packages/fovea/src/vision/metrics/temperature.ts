// One number that makes probabilities mean what they say: temperature scaling (Guo et al. 2017, arXiv:1706.04599).

import { FoveaError } from '../../util/errors.ts'

export interface TemperatureFit {
  /** Logits are divided by it: over 1 for a model that is too sure. */
  readonly temperature: number
  /** Mean negative log likelihood in nats, before and after. */
  readonly lossBefore: number
  readonly lossAfter: number
  /** The best temperature lies outside 0.05 to 20, as where all answers are right; it is the nearer end. */
  readonly isBounded: boolean
}

const [coldest, hottest] = [0.05, 20]

/**
 * The temperature at which the truths are likeliest. With b = 1 / T the loss is convex: its slope is the mean of E[z] - z of the truth under softmax(b z), its
 * curvature that of Var[z]. Newton's steps, and halves of the bracket where one would leave it.
 *
 * @param rows logits of each case, or logarithms of its probabilities: a constant on a row changes nothing
 * @param truths the class of each
 * @throws FoveaError METRIC_INVALID for no rows, rows that are not finite, truths that are no classes
 */
export function fitTemperature(rows: readonly ArrayLike<number>[], truths: ArrayLike<number>): TemperatureFit {
  checkRows(rows, truths)
  let [low, high] = [1 / hottest, 1 / coldest]
  const isBounded = lossOf(rows, truths, low).slope >= 0 || lossOf(rows, truths, high).slope <= 0
  let b = 1
  if (isBounded) b = lossOf(rows, truths, low).slope >= 0 ? low : high
  else
    for (let i = 0; i < 100; i++) {
      const { slope, curvature } = lossOf(rows, truths, b)
      if (slope > 0) high = b
      else low = b
      const newton = b - slope / curvature
      const next = newton > low && newton < high ? newton : (low + high) / 2
      const isDone = Math.abs(next - b) <= 1e-12 * b
      b = next
      if (isDone) break
    }
  return { temperature: 1 / b, lossBefore: lossOf(rows, truths, 1).loss, lossAfter: lossOf(rows, truths, b).loss, isBounded }
}

/** Mean loss at logits times `b`, and its first two derivatives by `b`. */
function lossOf(
  rows: readonly ArrayLike<number>[],
  truths: ArrayLike<number>,
  b: number,
): { loss: number; slope: number; curvature: number } {
  let [loss, slope, curvature] = [0, 0, 0]
  for (const [i, row] of rows.entries()) {
    let most = Number.NEGATIVE_INFINITY
    for (let c = 0; c < row.length; c++) most = Math.max(most, row[c]!)
    let [sum, first, second] = [0, 0, 0]
    for (let c = 0; c < row.length; c++) {
      const above = row[c]! - most
      const weight = Math.exp(b * above)
      sum += weight
      first += weight * above
      second += weight * above * above
    }
    const own = row[truths[i]!]! - most
    const mean = first / sum
    loss += Math.log(sum) - b * own
    slope += mean - own
    curvature += second / sum - mean * mean
  }
  return { loss: loss / rows.length, slope: slope / rows.length, curvature: curvature / rows.length }
}

/** softmax(logits / temperature), of logits or of logarithms of probabilities. */
export function softmaxAt(row: ArrayLike<number>, temperature: number): Float32Array {
  let most = Number.NEGATIVE_INFINITY
  for (let c = 0; c < row.length; c++) most = Math.max(most, row[c]!)
  const weights = Float64Array.from(row, (value) => Math.exp((value - most) / temperature))
  const sum = weights.reduce((a, b) => a + b, 0)
  return Float32Array.from(weights, (weight) => weight / sum)
}

function checkRows(rows: readonly ArrayLike<number>[], truths: ArrayLike<number>): void {
  const invalid = (field: string, expected: string, found: unknown) =>
    new FoveaError('METRIC_INVALID', { field, expected, found: String(found) })
  if (rows.length === 0 || rows.length !== truths.length)
    throw invalid('truths', `one for each of ${rows.length} rows, at least one`, truths.length)
  const classes = rows[0]!.length
  for (const [i, row] of rows.entries()) {
    if (row.length !== classes || classes < 2) throw invalid(`rows[${i}]`, `${Math.max(2, classes)} numbers`, row.length)
    for (let c = 0; c < classes; c++) if (!Number.isFinite(row[c]!)) throw invalid(`rows[${i}][${c}]`, 'a finite number', row[c])
    const truth = truths[i]!
    if (!(Number.isInteger(truth) && truth >= 0 && truth < classes)) throw invalid(`truths[${i}]`, `0 to ${classes - 1}`, truth)
  }
}
