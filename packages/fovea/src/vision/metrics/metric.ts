// What every metric can do, and the checks that metrics of classification share.

import { FoveaError } from '../../util/errors.ts'

/** What a metric has gathered, as plain data: workers send it as it is, files hold it as JSON (where all numbers are finite). */
export interface MetricState {
  /** The kind of metric and its options. */
  readonly of: string
  readonly lists: Readonly<Record<string, readonly (number | string)[]>>
}

/** A figure that is gathered batch by batch. Two halves merged give what the whole would. */
export interface Metric<Batch, Result> {
  update(batch: Batch): void
  compute(): Result
  reset(): void
  /** Adds what another metric of the same kind has gathered; the other one is left as it was. @throws METRIC_INVALID for another kind or other options */
  merge(other: Metric<Batch, Result>): void
  /** A copy of what has been gathered. */
  readonly state: MetricState
  /** Adds what was gathered elsewhere, a worker say. @throws METRIC_INVALID where the state is another metric's, or damaged */
  mergeState(state: MetricState): void
}

export interface ClassificationBatch {
  /** Row-major [labels.length, classes]: probabilities, or any scores that order the classes. */
  readonly scores: ArrayLike<number>
  /** The true class of each row. */
  readonly labels: ArrayLike<number>
}

/** @throws METRIC_INVALID where sizes or labels do not fit, or a score is not a number. */
export function checkBatch({ scores, labels }: ClassificationBatch, classes: number): void {
  if (scores.length !== labels.length * classes) {
    const expected = `${labels.length} rows of ${classes} scores`
    throw new FoveaError('METRIC_INVALID', { field: 'scores', expected, found: `${scores.length} scores` })
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new FoveaError('METRIC_INVALID', { field: `labels[${i}]`, expected: `0 to ${classes - 1}`, found: String(label) })
    }
  }
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) throw new FoveaError('METRIC_INVALID', { field: `scores[${i}]`, expected: 'a number', found: 'NaN' })
  }
}

/** The number of classes, checked. */
export function checkClasses(classes: number): number {
  if (!Number.isInteger(classes) || classes < 1)
    throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: 'at least 1', found: String(classes) })
  return classes
}

/** The class with the highest score of a row; the first of equals. */
export function bestClass(scores: ArrayLike<number>, row: number, classes: number): number {
  let best = 0
  for (let c = 1; c < classes; c++) if (scores[row * classes + c]! > scores[row * classes + best]!) best = c
  return best
}
