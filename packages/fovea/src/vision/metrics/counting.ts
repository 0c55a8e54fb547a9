// How far counts are off: mean absolute error, root of the mean squared error, and bias.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { SummedMetric } from './gathering.ts'
import { isNumbers, objectOf } from './metric.ts'

export interface CountBatch {
  readonly predictions: ArrayLike<number>
  readonly truths: ArrayLike<number>
}

/** NaN where nothing was counted. */
export interface CountErrors {
  readonly mae: number
  /** What papers on crowd counting call MSE (Zhang et al. 2016). */
  readonly rmse: number
  /** Mean of prediction - truth: over 0 where too many are counted. */
  readonly bias: number
  /** Sum of absolute errors over the sum of the truths: the mean error in parts of the mean count. NaN where there is nothing to be counted. */
  readonly relativeError: number
  readonly samples: number
}

export class CountMetric extends SummedMetric<CountBatch, CountErrors> {
  constructor() {
    super('count errors', 5)
  }

  /** @throws FoveaError METRIC_INVALID for lists of different lengths, or counts that are not finite */
  update(batch: CountBatch): void {
    const { predictions, truths } = objectOf(batch, 'batch')
    for (const [field, list] of Object.entries({ predictions, truths }))
      if (!isNumbers(list)) throw new FoveaError('METRIC_INVALID', { field, expected: 'a list of numbers', found: said(list) })
    if (predictions.length !== truths.length)
      throw new FoveaError('METRIC_INVALID', { field: 'predictions', expected: String(truths.length), found: String(predictions.length) })
    for (const [field, list] of Object.entries({ predictions, truths }))
      for (let i = 0; i < list.length; i++)
        if (!Number.isFinite(list[i]))
          throw new FoveaError('METRIC_INVALID', { field: `${field}[${i}]`, expected: 'a finite number', found: String(list[i]) })
    for (let i = 0; i < truths.length; i++) {
      const error = predictions[i]! - truths[i]!
      this.add(0, 1)
      this.add(1, Math.abs(error))
      this.add(2, error * error)
      this.add(3, error)
      this.add(4, truths[i]!)
    }
  }

  compute(): CountErrors {
    const [samples, absolute, squared, error, things] = this.sums as [number, number, number, number, number]
    const relativeError = things > 0 ? absolute / things : Number.NaN
    return { mae: absolute / samples, rmse: Math.sqrt(squared / samples), bias: error / samples, relativeError, samples }
  }
}
