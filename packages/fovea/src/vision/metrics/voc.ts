// Average precision as Pascal VOC measures it (Everingham et al. 2010; its development kits of 2007 and of 2010).

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Detection } from '../annotation.ts'
import { boxIoU } from '../boxes.ts'
import { boxOf, checkPicture, type DetectedPicture } from './detections.ts'
import { GatheringMetric } from './gathering.ts'
import { checkNames, objectOf, objectsOf } from './metric.ts'

export interface VocOptions {
  /** Least overlap of a detection with the thing that it finds. @default 0.5 */
  readonly threshold?: number
  /** The area under precision over recall (`all`, from 2010), or the mean at recall 0, 0.1 … 1 (`eleven`, 2007). @default 'all' */
  readonly points?: 'all' | 'eleven'
}

export interface VocReport {
  /** Mean over the classes that have things to find; NaN where none has. */
  readonly map: number
  /** NaN for a class without things to find. `support` leaves the difficult ones out. */
  readonly perClass: readonly { readonly class: string; readonly ap: number; readonly support: number }[]
}

interface VocLists extends Record<string, number[]> {
  pictures: number[]
  labels: number[]
  scores: number[]
  hits: number[]
  truths: number[]
}

/**
 * A detection looks for the thing of its class that it overlaps most. It is right where nothing better found that one before, wrong where
 * something did or the overlap is too small, and left out where that thing is difficult (`isDifficult`, or a crowd). Pictures are matched as they come.
 */
export class VocMetric extends GatheringMetric<readonly DetectedPicture[], VocReport, VocLists> {
  readonly classes: readonly string[]
  readonly threshold: number
  readonly points: 'all' | 'eleven'
  #next = 0

  /** @throws FoveaError METRIC_INVALID for a threshold outside 0 to 1, or no classes */
  constructor(classes: readonly string[], options: VocOptions = {}) {
    const { threshold = 0.5, points = 'all' } = objectOf(options, 'options')
    if (!(threshold > 0 && threshold <= 1))
      throw new FoveaError('METRIC_INVALID', { field: 'threshold', expected: 'above 0, at most 1', found: String(threshold) })
    if (checkNames(classes).length === 0)
      throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: 'at least one', found: 'none' })
    super(
      `VOC, ${classes.length} classes, IoU ${threshold}, ${points} points`,
      () => ({ pictures: [], labels: [], scores: [], hits: [], truths: new Array<number>(classes.length).fill(0) }),
      {
        pictures: 'column of detections',
        labels: 'column of detections',
        scores: 'column of detections',
        hits: 'column of detections',
        truths: 'add',
      },
    )
    this.classes = classes
    this.threshold = threshold
    this.points = points
  }

  /** @throws FoveaError METRIC_INVALID; pictures before the faulty one are counted */
  update(pictures: readonly DetectedPicture[]): void {
    for (const picture of objectsOf(pictures, 'pictures')) {
      checkPicture(picture, this.classes.length)
      const number = picture.picture ?? this.#next
      this.#next = Math.max(this.#next, number + 1)
      const hits = this.#match(picture.truths, picture.detections)
      const { lists } = this
      for (const { label, isDifficult, isCrowd } of picture.truths)
        if (!isDifficult && !isCrowd) lists.truths[label] = lists.truths[label]! + 1
      for (const [i, { label, score }] of picture.detections.entries()) {
        if (hits[i] === leftOut) continue
        lists.pictures.push(number)
        lists.labels.push(label)
        lists.scores.push(score)
        lists.hits.push(hits[i]!)
      }
    }
  }

  compute(): VocReport {
    const perClass = this.ranked().map(({ hits, truths }, label) => {
      const ap = truths === 0 ? Number.NaN : vocAveragePrecision(hits, undefined, truths, this.points)
      return { class: this.classes[label]!, ap, support: truths }
    })
    const known = perClass.filter(({ support }) => support > 0)
    return { map: known.reduce((sum, { ap }) => sum + ap, 0) / known.length, perClass }
  }

  /** Of each class the detections that count, the best score first. */
  ranked(): VocRanking[] {
    const { pictures, labels, scores, hits, truths } = this.lists
    const rows = this.classes.map((): number[] => [])
    for (let i = 0; i < labels.length; i++) rows[labels[i]!]!.push(i)
    return rows.map((row, label) => {
      const order = row.sort((a, b) => scores[b]! - scores[a]! || pictures[a]! - pictures[b]! || a - b)
      return {
        hits: Uint8Array.from(order, (i) => hits[i]!),
        pictures: Int32Array.from(order, (i) => pictures[i]!),
        truths: truths[label]!,
      }
    })
  }

  override reset(): void {
    super.reset()
    this.#next = 0
  }

  #match(truths: readonly Annotation[], detections: readonly Detection[]): Int8Array {
    const boxes = truths.map((truth, i) => boxOf(truth, `truths[${i}]`))
    const taken = new Uint8Array(truths.length)
    const hits = new Int8Array(detections.length)
    const order = detections.map((_, i) => i).sort((a, b) => detections[b]!.score - detections[a]!.score)
    for (const i of order) {
      const box = boxOf(detections[i]!, `detections[${i}]`)
      let [best, overlap] = [-1, 0]
      for (const [g, truth] of truths.entries()) {
        if (truth.label !== detections[i]!.label) continue
        const iou = boxIoU(box, boxes[g]!)
        if (iou > overlap) [best, overlap] = [g, iou]
      }
      if (best < 0 || overlap < this.threshold) continue
      if (truths[best]!.isDifficult || truths[best]!.isCrowd) hits[i] = leftOut
      else if (taken[best] === 0) taken[best] = hits[i] = 1
    }
    return hits
  }
}

/** Neither right nor wrong. */
const leftOut = -1

/** The detections of one class in the order of their scores. */
export interface VocRanking {
  /** 1 for one that is right. */
  readonly hits: ArrayLike<number>
  readonly pictures: ArrayLike<number>
  /** Things to find. */
  readonly truths: number
}

/**
 * Average precision of detections in the order of their scores; `weights`, one for each, count one several times or not at all.
 * @param truths Things to find, weighted likewise; not 0.
 */
export function vocAveragePrecision(
  hits: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
  truths: number,
  points: 'all' | 'eleven',
): number {
  const [precision, recall] = [new Float64Array(hits.length), new Float64Array(hits.length)]
  let [right, found] = [0, 0]
  for (let i = 0; i < hits.length; i++) {
    const weight = weights === undefined ? 1 : weights[i]!
    right += hits[i]! * weight
    found += weight
    // Before the first that counts there is nothing to be right about.
    precision[i] = found === 0 ? 0 : right / found
    recall[i] = right / truths
  }
  for (let i = hits.length - 1; i > 0; i--) precision[i - 1] = Math.max(precision[i - 1]!, precision[i]!)
  let sum = 0
  if (points === 'all') for (let i = 0; i < hits.length; i++) sum += (recall[i]! - (recall[i - 1] ?? 0)) * precision[i]!
  else for (let t = 0; t <= 10; t++) sum += (precision[recall.findIndex((value) => value >= t / 10)] ?? 0) / 11
  return sum
}
