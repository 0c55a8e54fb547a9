// Which class is taken for which.

import { SummedMetric } from './gathering.ts'
import { bestClass, type ClassificationBatch, checkBatch, checkClasses } from './metric.ts'

/** `counts[t][p]`: samples of true class t that were predicted as p. */
export type ConfusionCounts = readonly (readonly number[])[]

export class ConfusionMatrix extends SummedMetric<ClassificationBatch, ConfusionCounts> {
  readonly classes: number

  constructor(classes: number) {
    super(`confusion of ${classes} classes`, checkClasses(classes) ** 2)
    this.classes = classes
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    for (let row = 0; row < batch.labels.length; row++)
      this.add(batch.labels[row]! * this.classes + bestClass(batch.scores, row, this.classes), 1)
  }

  compute(): ConfusionCounts {
    return Array.from({ length: this.classes }, (_, t) => this.sums.slice(t * this.classes, (t + 1) * this.classes))
  }
}
