// Which class is taken for which.

import { FoveaError } from '../../util/errors.ts'
import { bestClass, type ClassificationBatch, checkBatch, checkClasses, type Metric } from './metric.ts'

/** `counts[t][p]`: samples of true class t that were predicted as p. */
export type ConfusionCounts = readonly (readonly number[])[]

export class ConfusionMatrix implements Metric<ClassificationBatch, ConfusionCounts> {
  readonly classes: number
  readonly #counts: Float64Array

  constructor(classes: number) {
    this.classes = checkClasses(classes)
    this.#counts = new Float64Array(classes * classes)
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    for (let row = 0; row < batch.labels.length; row++) this.#add(batch.labels[row]!, bestClass(batch.scores, row, this.classes))
  }

  compute(): ConfusionCounts {
    return Array.from({ length: this.classes }, (_, t) => Array.from(this.#counts.subarray(t * this.classes, (t + 1) * this.classes)))
  }

  reset(): void {
    this.#counts.fill(0)
  }

  merge(other: ConfusionMatrix): void {
    if (other.classes !== this.classes) {
      throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: String(this.classes), found: String(other.classes) })
    }
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] = this.#counts[i]! + other.#counts[i]!
  }

  #add(truth: number, predicted: number): void {
    const at = truth * this.classes + predicted
    this.#counts[at] = this.#counts[at]! + 1
  }
}
