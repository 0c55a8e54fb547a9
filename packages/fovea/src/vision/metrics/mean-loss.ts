// The mean of a loss over samples, from means over batches of any size.

import { FoveaError } from '../../util/errors.ts'
import type { Metric } from './metric.ts'

export interface LossBatch {
  /** Mean over the batch. */
  readonly loss: number
  /** Samples in the batch. */
  readonly count: number
}

/** NaN where nothing was counted. A loss that is not finite makes the mean not finite: that is what a trainer must see. */
export class MeanLoss implements Metric<LossBatch, number> {
  #sum = 0
  #count = 0

  update({ loss, count }: LossBatch): void {
    if (!(count >= 0)) throw new FoveaError('METRIC_INVALID', { field: 'count', expected: '0 or more', found: String(count) })
    if (count === 0) return
    this.#sum += loss * count
    this.#count += count
  }

  compute(): number {
    return this.#sum / this.#count
  }

  reset(): void {
    this.#sum = 0
    this.#count = 0
  }

  merge(other: MeanLoss): void {
    this.#sum += other.#sum
    this.#count += other.#count
  }
}
