// Does a confidence of 80 % mean right in 80 % of the cases? Expected calibration error (Guo et al. 2017, section 2).

import { FoveaError } from '../../util/errors.ts'
import { bestClass, type ClassificationBatch, checkBatch, checkClasses, type Metric } from './metric.ts'

/** The samples whose confidence lies in (low, high]. */
export interface CalibrationBin {
  readonly low: number
  readonly high: number
  readonly count: number
  /** Part that is right, and mean confidence; 0 in an empty bin. */
  readonly accuracy: number
  readonly confidence: number
}

export interface Calibration {
  /** Mean of |accuracy - confidence| over the bins, weighted by their counts; NaN where nothing was counted. */
  readonly expectedCalibrationError: number
  /** The largest such gap of a bin that is not empty. */
  readonly maximumCalibrationError: number
  readonly bins: readonly CalibrationBin[]
}

/** Takes probabilities; the confidence of a row is its highest one. Bins of equal width, 15 by default as in the paper. */
export class CalibrationError implements Metric<ClassificationBatch, Calibration> {
  readonly classes: number
  readonly #counts: Float64Array
  readonly #right: Float64Array
  readonly #confidence: Float64Array

  constructor(classes: number, bins = 15) {
    this.classes = checkClasses(classes)
    if (!Number.isInteger(bins) || bins < 1)
      throw new FoveaError('METRIC_INVALID', { field: 'bins', expected: 'at least 1', found: String(bins) })
    this.#counts = new Float64Array(bins)
    this.#right = new Float64Array(bins)
    this.#confidence = new Float64Array(bins)
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    const bins = this.#counts.length
    for (let row = 0; row < batch.labels.length; row++) {
      const best = bestClass(batch.scores, row, this.classes)
      const confidence = batch.scores[row * this.classes + best]!
      // A little over one is rounding in a softmax of floats.
      if (!(confidence >= 0 && confidence <= 1 + 1e-5)) {
        throw new FoveaError('METRIC_INVALID', {
          field: `scores row ${row}`,
          expected: 'probabilities from 0 to 1',
          found: String(confidence),
        })
      }
      const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))
      this.#counts[bin] = this.#counts[bin]! + 1
      this.#confidence[bin] = this.#confidence[bin]! + confidence
      if (best === batch.labels[row]) this.#right[bin] = this.#right[bin]! + 1
    }
  }

  compute(): Calibration {
    const total = this.#counts.reduce((sum, count) => sum + count, 0)
    const width = 1 / this.#counts.length
    const bins = Array.from(this.#counts, (count, i): CalibrationBin => {
      const mean = (sum: number) => (count === 0 ? 0 : sum / count)
      return { low: i * width, high: (i + 1) * width, count, accuracy: mean(this.#right[i]!), confidence: mean(this.#confidence[i]!) }
    })
    const gaps = bins.map(({ accuracy, confidence }) => Math.abs(accuracy - confidence))
    return {
      expectedCalibrationError: total === 0 ? Number.NaN : bins.reduce((sum, { count }, i) => sum + (count / total) * gaps[i]!, 0),
      maximumCalibrationError: total === 0 ? Number.NaN : Math.max(...gaps),
      bins,
    }
  }

  reset(): void {
    for (const sums of [this.#counts, this.#right, this.#confidence]) sums.fill(0)
  }

  merge(other: CalibrationError): void {
    if (other.#counts.length !== this.#counts.length) {
      throw new FoveaError('METRIC_INVALID', { field: 'bins', expected: String(this.#counts.length), found: String(other.#counts.length) })
    }
    for (let i = 0; i < this.#counts.length; i++) {
      this.#counts[i] = this.#counts[i]! + other.#counts[i]!
      this.#right[i] = this.#right[i]! + other.#right[i]!
      this.#confidence[i] = this.#confidence[i]! + other.#confidence[i]!
    }
  }
}
