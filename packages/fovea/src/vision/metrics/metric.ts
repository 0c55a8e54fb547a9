// What every metric can do, and the checks that metrics of classification share.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'

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
  /** Adds what was gathered elsewhere, a worker say. @throws METRIC_INVALID where the state is another metric's, or its lists do not fit together */
  mergeState(state: MetricState): void
}

export interface ClassificationBatch {
  /** Row-major [labels.length, classes]: probabilities, or any scores that order the classes. */
  readonly scores: ArrayLike<number>
  /** The true class of each row. */
  readonly labels: ArrayLike<number>
}

/** @throws METRIC_INVALID where sizes or labels do not fit, or a score is not a number. */
export function checkBatch(batch: ClassificationBatch, classes: number): void {
  const { scores, labels } = Object(batch) as Partial<ClassificationBatch>
  if (!isNumbers(scores) || !isNumbers(labels))
    throw new FoveaError('METRIC_INVALID', { field: 'batch', expected: 'scores and labels, lists of numbers', found: said(batch) })
  if (scores.length !== labels.length * classes) {
    const expected = `${labels.length} rows of ${classes} scores`
    throw new FoveaError('METRIC_INVALID', { field: 'scores', expected, found: `${scores.length} scores` })
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new FoveaError('METRIC_INVALID', { field: `labels[${i}]`, expected: `0 to ${classes - 1}`, found: said(label) })
    }
  }
  for (let i = 0; i < scores.length; i++) {
    if (typeof scores[i] !== 'number' || Number.isNaN(scores[i]))
      throw new FoveaError('METRIC_INVALID', { field: `scores[${i}]`, expected: 'a number', found: said(scores[i]) })
  }
}

/** The value itself where it is an object. @throws METRIC_INVALID */
export function objectOf<T extends object>(value: T, field: string): T {
  if (typeof value !== 'object' || value === null)
    throw new FoveaError('METRIC_INVALID', { field, expected: 'an object', found: said(value) })
  return value
}

/** The value itself where it is a list of objects. @throws METRIC_INVALID */
export function objectsOf<T extends object>(value: readonly T[], field: string): readonly T[] {
  if (!Array.isArray(value)) throw new FoveaError('METRIC_INVALID', { field, expected: 'a list', found: said(value) })
  for (const [i, one] of (value as readonly T[]).entries()) objectOf(one, `${field}[${i}]`)
  return value as readonly T[]
}

/** Names of classes. @throws METRIC_INVALID where it is no list of texts */
export function checkNames(classes: readonly string[]): readonly string[] {
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string')) return classes
  throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: 'a list of names', found: said(classes) })
}

/** A list of numbers of any kind, by its outside. */
export function isNumbers(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}

/** The number of classes, checked. */
export function checkClasses(classes: number): number {
  if (!Number.isInteger(classes) || classes < 1)
    throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: 'at least 1', found: said(classes) })
  return classes
}

/** The class with the highest score of a row; the first of equals. */
export function bestClass(scores: ArrayLike<number>, row: number, classes: number): number {
  let best = 0
  for (let c = 1; c < classes; c++) if (scores[row * classes + c]! > scores[row * classes + best]!) best = c
  return best
}
