// AUROC and average precision of a classifier, each class against the rest, after scikit-learn's `roc_auc_score` and `average_precision_score`.

import { FoveaError } from '../../util/errors.ts'
import { GatheringMetric } from './gathering.ts'
import { type ClassificationBatch, checkBatch, checkClasses } from './metric.ts'
import { areaUnderRoc, averagePrecisionOf, countScores } from './ranking.ts'

export interface ClassRanking {
  /** Mean over the classes that have samples of their own and of others; NaN where there are none. */
  readonly auroc: number
  /** Mean over the classes that have samples. */
  readonly averagePrecision: number
  /** By class; NaN for those without. */
  readonly perClass: readonly { readonly auroc: number; readonly averagePrecision: number }[]
}

/** Keeps every score, since a rank is known only at the end. */
export class ClassRankingMetric extends GatheringMetric<ClassificationBatch, ClassRanking, { scores: number[]; labels: number[] }> {
  readonly classes: number

  constructor(classes: number) {
    // Each score goes with the true class of its row.
    super(`ranking of ${checkClasses(classes)} classes`, () => ({ scores: [], labels: [] }), {
      scores: 'column of scores',
      labels: 'column of scores',
    })
    this.classes = classes
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    for (let i = 0; i < batch.scores.length; i++)
      if (!Number.isFinite(batch.scores[i]))
        throw new FoveaError('METRIC_INVALID', { field: `scores[${i}]`, expected: 'a finite number', found: String(batch.scores[i]) })
    for (let row = 0; row < batch.labels.length; row++)
      for (let c = 0; c < this.classes; c++) {
        this.lists.scores.push(batch.scores[row * this.classes + c]!)
        this.lists.labels.push(batch.labels[row]!)
      }
  }

  compute(): ClassRanking {
    const { scores, labels } = this.lists
    const perClass = Array.from({ length: this.classes }, (_, c) => {
      const own: number[] = []
      for (let i = c; i < scores.length; i += this.classes) own.push(scores[i]!)
      const counts = countScores(own, (row) => labels[row * this.classes] === c)
      return { auroc: areaUnderRoc(counts), averagePrecision: averagePrecisionOf(counts) }
    })
    return {
      auroc: meanOf(perClass.map(({ auroc }) => auroc)),
      averagePrecision: meanOf(perClass.map(({ averagePrecision }) => averagePrecision)),
      perClass,
    }
  }
}

function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value))
  return known.reduce((sum, value) => sum + value, 0) / known.length
}
