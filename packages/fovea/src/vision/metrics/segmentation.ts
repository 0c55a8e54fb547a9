// Semantic segmentation: intersection over union (Jaccard 1912), Dice (1945), pixel accuracy, over all pixels of a data set.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { SummedMetric } from './gathering.ts'
import { checkClasses, checkNames, isNumbers, objectOf } from './metric.ts'

/** A class for each pixel, in the same order on both sides; any number of pictures one behind another. */
export interface LabelledPixels {
  readonly truth: ArrayLike<number>
  readonly prediction: ArrayLike<number>
  /** The label of pixels of the truth that do not count. @default 255 */
  readonly unknown?: number
}

export interface SegmentationReport {
  /** Part of the pixels that is right. */
  readonly pixelAccuracy: number
  /** Mean over the classes that occur, as truth or as prediction; NaN where none does. */
  readonly meanIoU: number
  readonly meanDice: number
  /** NaN for a class that does not occur. `support`: its pixels. */
  readonly perClass: readonly { readonly class: string; readonly iou: number; readonly dice: number; readonly support: number }[]
}

export class SegmentationMetric extends SummedMetric<LabelledPixels, SegmentationReport> {
  readonly classes: readonly string[]

  constructor(classes: readonly string[]) {
    super(`segmentation, ${checkNames(classes).length} classes`, checkClasses(classes.length) ** 2)
    this.classes = classes
  }

  /** @throws FoveaError METRIC_INVALID for maps of different sizes, or labels that are no classes */
  update(pixels: LabelledPixels): void {
    const count = this.classes.length
    checkPixels(pixels, count)
    const { truth, prediction, unknown = 255 } = pixels
    const sums = this.sums
    for (let i = 0; i < truth.length; i++) {
      if (truth[i] === unknown) continue
      const at = truth[i]! * count + prediction[i]!
      sums[at] = sums[at]! + 1
    }
  }

  compute(): SegmentationReport {
    const count = this.classes.length
    const at = (t: number, p: number) => this.sums[t * count + p]!
    const range = this.classes.map((_, i) => i)
    const sumOver = (value: (i: number) => number) => range.reduce((sum, i) => sum + value(i), 0)
    const perClass = this.classes.map((name, c) => {
      const support = sumOver((p) => at(c, p))
      const predicted = sumOver((t) => at(t, c))
      const both = at(c, c)
      return { class: name, iou: both / (support + predicted - both), dice: (2 * both) / (support + predicted), support }
    })
    const occurring = perClass.filter(({ iou }) => !Number.isNaN(iou))
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    return {
      pixelAccuracy: sumOver((c) => at(c, c)) / this.sums.reduce((sum, value) => sum + value, 0),
      meanIoU: mean(occurring.map(({ iou }) => iou)),
      meanDice: mean(occurring.map(({ dice }) => dice)),
      perClass,
    }
  }
}

/** @throws FoveaError METRIC_INVALID for maps of different sizes, or labels that are no classes; predictions on unknown pixels may be anything */
export function checkPixels(pixels: LabelledPixels, classes: number): void {
  const { truth, prediction, unknown = 255 } = objectOf(pixels, 'pixels')
  for (const [field, list] of Object.entries({ truth, prediction }))
    if (!isNumbers(list)) throw new FoveaError('METRIC_INVALID', { field, expected: 'a list of classes', found: said(list) })
  if (truth.length !== prediction.length)
    throw new FoveaError('METRIC_INVALID', { field: 'prediction', expected: `${truth.length} pixels`, found: String(prediction.length) })
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === unknown) continue
    for (const [field, label] of [
      ['truth', truth[i]!],
      ['prediction', prediction[i]!],
    ] as const)
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw new FoveaError('METRIC_INVALID', { field: `${field}[${i}]`, expected: `0 to ${classes - 1}`, found: said(label) })
  }
}
