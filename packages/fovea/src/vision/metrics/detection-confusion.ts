// Which class is taken for which among detections, with the background as one more class: what was missed, and what was not there.

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Detection } from '../annotation.ts'
import { boxIoU } from '../boxes.ts'
import type { ConfusionCounts } from './confusion-matrix.ts'
import { boxOf, checkPicture, type DetectedPicture } from './detections.ts'
import { SummedMetric } from './gathering.ts'
import { checkNames, objectOf, objectsOf } from './metric.ts'

export interface DetectionPairing {
  /** Indices of truths and detections that meet, whatever their classes. */
  readonly pairs: readonly { readonly truth: number; readonly detection: number; readonly iou: number }[]
  readonly missed: readonly number[]
  /** Detections that meet nothing. Those that lie in a crowd or on something difficult are in none of the lists. */
  readonly unfounded: readonly number[]
}

/**
 * Pairs things and detections one to one by their boxes, the largest overlap first, of equal ones the higher score: so a thing found
 * under another class's name is seen as that, and not as one missed and one made up. Crowds and difficult things are neither found nor missed.
 *
 * @param threshold Least IoU of a pair.
 * @throws FoveaError METRIC_INVALID for things without a place
 */
export function pairDetections(truths: readonly Annotation[], detections: readonly Detection[], threshold = 0.5): DetectionPairing {
  objectsOf(truths, 'truths')
  objectsOf(detections, 'detections')
  const boxes = truths.map((truth, i) => boxOf(truth, `truths[${i}]`))
  const leftOut = truths.map(({ isCrowd, isDifficult }) => Boolean(isCrowd || isDifficult))
  const candidates: { truth: number; detection: number; iou: number }[] = []
  const excused = new Set<number>()
  for (const [d, detection] of detections.entries()) {
    const box = boxOf(detection, `detections[${d}]`)
    for (const [t, truth] of boxes.entries()) {
      const iou = boxIoU(box, truth, { crowd: truths[t]!.isCrowd ?? false })
      if (iou < threshold) continue
      if (leftOut[t]) excused.add(d)
      else candidates.push({ truth: t, detection: d, iou })
    }
  }
  candidates.sort((a, b) => b.iou - a.iou || detections[b.detection]!.score - detections[a.detection]!.score)
  const [metTruths, metDetections] = [new Set<number>(), new Set<number>()]
  const pairs = candidates.filter(({ truth, detection }) => {
    if (metTruths.has(truth) || metDetections.has(detection)) return false
    metTruths.add(truth)
    metDetections.add(detection)
    return true
  })
  return {
    pairs,
    missed: [...truths.keys()].filter((t) => !leftOut[t] && !metTruths.has(t)),
    unfounded: [...detections.keys()].filter((d) => !metDetections.has(d) && !excused.has(d)),
  }
}

export interface DetectionConfusionOptions {
  /** Detections below this score are none. @default 0.25 */
  readonly confidence?: number
  /** Least overlap of a thing and a detection. @default 0.5 */
  readonly iou?: number
}

/** `counts[t][p]`, with the background in the last row (detections of nothing) and the last column (things that were missed). */
export class DetectionConfusion extends SummedMetric<readonly DetectedPicture[], ConfusionCounts> {
  readonly classes: readonly string[]
  readonly confidence: number
  readonly iou: number

  /** @throws FoveaError METRIC_INVALID for a confidence or an overlap outside 0 to 1 */
  constructor(classes: readonly string[], options: DetectionConfusionOptions = {}) {
    const { confidence = 0.25, iou = 0.5 } = objectOf(options, 'options')
    for (const [field, value] of Object.entries({ confidence, iou }))
      if (!(value >= 0 && value <= 1)) throw new FoveaError('METRIC_INVALID', { field, expected: '0 to 1', found: String(value) })
    super(`detection confusion, ${checkNames(classes).length} classes, confidence ${confidence}, IoU ${iou}`, (classes.length + 1) ** 2)
    this.classes = classes
    this.confidence = confidence
    this.iou = iou
  }

  /** @throws FoveaError METRIC_INVALID; pictures before the faulty one are counted */
  update(pictures: readonly DetectedPicture[]): void {
    const side = this.classes.length + 1
    for (const picture of objectsOf(pictures, 'pictures')) {
      checkPicture(picture, this.classes.length)
      const { truths } = picture
      const detections = picture.detections.filter(({ score }) => score >= this.confidence)
      const { pairs, missed, unfounded } = pairDetections(truths, detections, this.iou)
      for (const { truth, detection } of pairs) this.add(truths[truth]!.label * side + detections[detection]!.label, 1)
      for (const truth of missed) this.add(truths[truth]!.label * side + side - 1, 1)
      for (const detection of unfounded) this.add((side - 1) * side + detections[detection]!.label, 1)
    }
  }

  compute(): ConfusionCounts {
    const side = this.classes.length + 1
    return Array.from({ length: side }, (_, t) => this.sums.slice(t * side, (t + 1) * side))
  }
}
