// The part of predictions that is right: the first guess, or one of the first k.

import { FoveaError } from '../../util/errors.ts'
import { SummedMetric } from './gathering.ts'
import { type ClassificationBatch, checkBatch, checkClasses } from './metric.ts'

/** Part of the rows whose true class is among the `k` highest scores, 0 to 1; NaN where nothing was counted. */
export class TopKAccuracy extends SummedMetric<ClassificationBatch, number> {
  readonly classes: number
  readonly k: number

  constructor(classes: number, k: number) {
    super(`top-${String(k)} accuracy of ${String(classes)} classes`, 2)
    this.classes = checkClasses(classes)
    if (!Number.isInteger(k) || k < 1) throw new FoveaError('METRIC_INVALID', { field: 'k', expected: 'at least 1', found: String(k) })
    this.k = k
  }

  get samples(): number {
    return this.sums[1]!
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    for (let row = 0; row < batch.labels.length; row++)
      if (rankOf(batch.scores, row, this.classes, batch.labels[row]!) < this.k) this.add(0, 1)
    this.add(1, batch.labels.length)
  }

  compute(): number {
    return this.sums[0]! / this.samples
  }
}

/** Part of the rows whose highest score is that of the true class. */
export class Accuracy extends TopKAccuracy {
  constructor(classes: number) {
    super(classes, 1)
  }
}

/** How many classes come before this one; of equal scores the lower class comes first, as in `bestClass`. */
function rankOf(scores: ArrayLike<number>, row: number, classes: number, label: number): number {
  const own = scores[row * classes + label]!
  let before = 0
  for (let c = 0; c < classes; c++) {
    const score = scores[row * classes + c]!
    if (score > own || (score === own && c < label)) before++
  }
  return before
}
