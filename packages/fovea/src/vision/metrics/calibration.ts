// Does a confidence of 80 % mean right in 80 % of the cases? Expected calibration error (Guo et al. 2017, section 2), Brier score (Brier 1950).

import { FoveaError } from '../../util/errors.ts'
import { maxOf } from '../../util/extremes.ts'
import { said } from '../../util/said.ts'
import { SummedMetric } from './gathering.ts'
import { bestClass, type ClassificationBatch, checkBatch, checkClasses } from './metric.ts'

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
  /** Mean over the samples of the squared distance between the probabilities and the truth, summed over the classes: 0 to 2. */
  readonly brierScore: number
  readonly bins: readonly CalibrationBin[]
}

/** Takes probabilities; the confidence of a row is its highest one. Bins of equal width, 15 by default as in the paper. */
export class CalibrationError extends SummedMetric<ClassificationBatch, Calibration> {
  readonly classes: number
  readonly #bins: number

  constructor(classes: number, bins = 15) {
    if (!Number.isInteger(bins) || bins < 1 || bins > 1_000_000)
      throw new FoveaError('METRIC_INVALID', { field: 'bins', expected: '1 to 1,000,000', found: said(bins) })
    // Counts, rights and confidences by bin, then the squared distance of all.
    super(`calibration of ${classes} classes in ${bins} bins`, 3 * bins + 1)
    this.classes = checkClasses(classes)
    this.#bins = bins
  }

  update(batch: ClassificationBatch): void {
    checkBatch(batch, this.classes)
    const { scores, labels } = batch
    for (let i = 0; i < scores.length; i++)
      // A little over one is rounding in a softmax of floats.
      if (!(scores[i]! >= 0 && scores[i]! <= 1 + 1e-5)) {
        throw new FoveaError('METRIC_INVALID', {
          field: `scores row ${Math.floor(i / this.classes)}`,
          expected: 'probabilities from 0 to 1',
          found: String(scores[i]),
        })
      }
    const bins = this.#bins
    for (let row = 0; row < labels.length; row++) {
      const best = bestClass(scores, row, this.classes)
      const confidence = scores[row * this.classes + best]!
      const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))
      this.add(bin, 1)
      if (best === labels[row]) this.add(bins + bin, 1)
      this.add(2 * bins + bin, confidence)
      for (let c = 0; c < this.classes; c++) this.add(3 * bins, (scores[row * this.classes + c]! - (c === labels[row] ? 1 : 0)) ** 2)
    }
  }

  compute(): Calibration {
    const count = this.#bins
    const counts = this.sums.slice(0, count)
    const total = counts.reduce((sum, value) => sum + value, 0)
    const bins = counts.map((value, i): CalibrationBin => {
      const mean = (sum: number) => (value === 0 ? 0 : sum / value)
      const [right, confidence] = [this.sums[count + i]!, this.sums[2 * count + i]!]
      return { low: i / count, high: (i + 1) / count, count: value, accuracy: mean(right), confidence: mean(confidence) }
    })
    const gaps = bins.map(({ accuracy, confidence }) => Math.abs(accuracy - confidence))
    return {
      expectedCalibrationError: total === 0 ? Number.NaN : bins.reduce((sum, bin, i) => sum + (bin.count / total) * gaps[i]!, 0),
      maximumCalibrationError: total === 0 ? Number.NaN : maxOf(gaps),
      brierScore: this.sums[3 * count]! / total,
      bins,
    }
  }
}
