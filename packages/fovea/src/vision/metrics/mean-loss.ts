// The mean of a loss over samples, from means over batches of any size.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { SummedMetric } from './gathering.ts'
import { objectOf } from './metric.ts'

export interface LossBatch {
  /** Mean over the batch. */
  readonly loss: number
  /** Samples in the batch. */
  readonly count: number
}

/** NaN where nothing was counted. A loss that is not finite makes the mean not finite: that is what a trainer must see. */
export class MeanLoss extends SummedMetric<LossBatch, number> {
  constructor() {
    super('mean loss', 2)
  }

  update(batch: LossBatch): void {
    const { loss, count } = objectOf(batch, 'batch')
    if (typeof loss !== 'number') throw new FoveaError('METRIC_INVALID', { field: 'loss', expected: 'a number', found: said(loss) })
    if (typeof count !== 'number' || !(count >= 0))
      throw new FoveaError('METRIC_INVALID', { field: 'count', expected: '0 or more', found: said(count) })
    if (count === 0) return
    this.add(0, loss * count)
    this.add(1, count)
  }

  compute(): number {
    return this.sums[0]! / this.sums[1]!
  }
}
