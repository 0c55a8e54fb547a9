// COCO's evaluation of detections by box or by mask (Lin et al. 2014), equal to pycocotools' COCOeval in its default setting.

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Box, Detection } from '../annotation.ts'
import { toCornerSize } from '../boxes.ts'
import { maskArea, maskBounds, maskIoU } from '../run-lengths.ts'
import {
  type CocoCurve,
  type CocoFigures,
  CurveSpace,
  classFigures,
  cocoCurve,
  meanFigures,
  type RankedDetections,
} from './coco-figures.ts'
import { type Candidates, cocoAreas, cocoThresholds, matchCandidates } from './coco-match.ts'
import { areaOf, boxOf, checkPicture, type DetectedPicture, maskOf } from './detections.ts'
import { GatheringMetric } from './gathering.ts'
import { checkNames, objectOf, objectsOf } from './metric.ts'

export interface CocoOptions {
  /** What is compared. @default 'boxes' */
  readonly by?: 'boxes' | 'masks'
  /** The most detections of one class in one picture, best first; the last is that of all precisions. @default [1, 10, 100] */
  readonly maxDetections?: readonly [number, number, number]
}

export interface CocoClassFigures extends CocoFigures {
  readonly class: string
  /** Things to find. */
  readonly support: number
}

export interface CocoReport extends CocoFigures {
  readonly perClass: readonly CocoClassFigures[]
}

/** Flags, one list a range of areas, so that each fits any number of JSON. */
interface CocoLists extends Record<string, number[]> {
  pictures: number[]
  labels: number[]
  scores: number[]
  ranks: number[]
  all: number[]
  small: number[]
  medium: number[]
  large: number[]
  truths: number[]
}

/**
 * The twelve figures of COCO and those of each class.
 *
 * Pictures are matched as they come, so that neither boxes nor masks are kept: what is held is eight numbers for each detection. A crowd may
 * be met by any number of detections and is never missed; `isDifficult` things are left out too, but met only once. A thing's area is what
 * its file states (COCO's `area`, that of the outline, also for boxes), else what follows from it; a detection's is that of its box or mask.
 * Other than pycocotools, a thing with the id 0 is a thing like any other.
 */
export class CocoMetric extends GatheringMetric<readonly DetectedPicture[], CocoReport, CocoLists> {
  readonly classes: readonly string[]
  readonly by: 'boxes' | 'masks'
  readonly maxDetections: readonly [number, number, number]
  #next = 0

  /** @throws FoveaError METRIC_INVALID for no classes, or numbers of detections that do not rise */
  constructor(classes: readonly string[], options: CocoOptions = {}) {
    const { by = 'boxes', maxDetections = [1, 10, 100] } = objectOf(options, 'options')
    const [first, second, most] = maxDetections
    if (![first, second, most].every((value) => Number.isInteger(value)) || !(first > 0 && first <= second && second <= most))
      throw new FoveaError('METRIC_INVALID', {
        field: 'maxDetections',
        expected: 'three whole numbers that rise',
        found: maxDetections.join(', '),
      })
    if (checkNames(classes).length === 0)
      throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: 'at least one', found: 'none' })
    super(
      `COCO ${by}, ${classes.length} classes, ${maxDetections.join(' ')} detections`,
      () => ({
        pictures: [],
        labels: [],
        scores: [],
        ranks: [],
        all: [],
        small: [],
        medium: [],
        large: [],
        truths: new Array<number>(classes.length * cocoAreas.length).fill(0),
      }),
      {
        pictures: 'column of detections',
        labels: 'column of detections',
        scores: 'column of detections',
        ranks: 'column of detections',
        all: 'column of detections',
        small: 'column of detections',
        medium: 'column of detections',
        large: 'column of detections',
        truths: 'add',
      },
    )
    this.classes = classes
    this.by = by
    this.maxDetections = maxDetections
  }

  /** @throws FoveaError METRIC_INVALID, MASK_INVALID; pictures before the faulty one are counted */
  update(pictures: readonly DetectedPicture[]): void {
    for (const picture of objectsOf(pictures, 'pictures')) {
      checkPicture(picture, this.classes.length)
      const number = picture.picture ?? this.#next
      this.#next = Math.max(this.#next, number + 1)
      const [truths, detections] = [byClass(picture.truths), byClass(picture.detections)]
      // Everything is made before anything is kept, so that a faulty picture leaves no half behind.
      const matched = [...new Set([...truths.keys(), ...detections.keys()])].map((label) =>
        this.#match(picture, label, truths.get(label) ?? [], detections.get(label) ?? []),
      )
      for (const keep of matched) keep(number)
    }
  }

  compute(): CocoReport {
    const { truths } = this.lists
    const perClass = this.#ranked().map((ranked, label) => ({
      class: this.classes[label]!,
      support: truths[label * cocoAreas.length]!,
      ...classFigures(ranked, this.maxDetections),
    }))
    return { ...meanFigures(perClass), perClass }
  }

  /** Precision over recall of one class, all sizes. @param threshold IoU: 0.5, 0.55 … 0.95 @throws FoveaError METRIC_INVALID for another threshold or class */
  curve(label: number, threshold = 0.5): CocoCurve {
    const ranked = this.#ranked()[label]
    const t = cocoThresholds.findIndex((value) => Math.abs(value - threshold) < 1e-9)
    if (ranked === undefined || t < 0)
      throw new FoveaError('METRIC_INVALID', {
        field: 'curve',
        expected: 'a class, and one of 0.5, 0.55 … 0.95',
        found: `${label}, ${threshold}`,
      })
    return cocoCurve(ranked, t, 0, new CurveSpace(ranked.scores.length))
  }

  override reset(): void {
    super.reset()
    this.#next = 0
  }

  /** The detections of each class, best first; of equal scores the earlier picture, then the earlier detection. */
  #ranked(): RankedDetections[] {
    const { pictures, labels, scores, ranks, all, small, medium, large, truths } = this.lists
    const rows = this.classes.map((): number[] => [])
    for (let i = 0; i < labels.length; i++) rows[labels[i]!]!.push(i)
    return rows.map((list, label) => {
      const order = Uint32Array.from(list).sort((a, b) => scores[b]! - scores[a]! || pictures[a]! - pictures[b]! || a - b)
      const flags = new Uint32Array(order.length * cocoAreas.length)
      for (const [range, source] of [all, small, medium, large].entries())
        for (let i = 0; i < order.length; i++) flags[i * cocoAreas.length + range] = source[order[i]!]!
      return {
        scores: Float64Array.from(order, (i) => scores[i]!),
        ranks: Int32Array.from(order, (i) => ranks[i]!),
        flags,
        truths: truths.slice(label * cocoAreas.length, (label + 1) * cocoAreas.length),
      }
    })
  }

  #match(
    picture: DetectedPicture,
    label: number,
    truths: readonly Annotation[],
    detections: readonly Detection[],
  ): (number: number) => void {
    const best = detections.toSorted((a, b) => b.score - a.score).slice(0, this.maxDetections[2])
    const candidates = this.by === 'boxes' ? boxCandidates(best, truths) : maskCandidates(best, truths, picture)
    const flags = new Uint32Array(best.length * cocoAreas.length)
    const counts = [0, 0, 0, 0]
    matchCandidates(candidates, flags, (range, count) => {
      counts[range] = count
    })
    return (number) => {
      const { lists } = this
      for (const [range, count] of counts.entries()) {
        const at = label * cocoAreas.length + range
        lists.truths[at] = lists.truths[at]! + count
      }
      for (const [rank, { score }] of best.entries()) {
        lists.pictures.push(number)
        lists.labels.push(label)
        lists.scores.push(score)
        lists.ranks.push(rank)
        for (const [range, list] of [lists.all, lists.small, lists.medium, lists.large].entries())
          list.push(flags[rank * cocoAreas.length + range]!)
      }
    }
  }
}

function byClass<T extends Annotation>(list: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const one of list) {
    const group = groups.get(one.label)
    if (group === undefined) groups.set(one.label, [one])
    else group.push(one)
  }
  return groups
}

function candidatesOf(found: number, truths: readonly Annotation[]): Candidates {
  return {
    found,
    truths: truths.length,
    overlaps: new Float64Array(found * truths.length),
    foundAreas: new Float64Array(found),
    truthAreas: Float64Array.from(truths, areaOf),
    leftOut: Uint8Array.from(truths, ({ isCrowd, isDifficult }) => (isCrowd || isDifficult ? 1 : 0)),
    crowd: Uint8Array.from(truths, ({ isCrowd }) => (isCrowd ? 1 : 0)),
  }
}

/** In the steps of pycocotools (maskApi.c, `bbIou`), which has left, top, width and height: other steps round otherwise, and tip overlaps over thresholds. */
function boxCandidates(detections: readonly Detection[], truths: readonly Annotation[]): Candidates {
  const candidates = candidatesOf(detections.length, truths)
  const boxes = new Float64Array(truths.length * 5)
  for (const [g, truth] of truths.entries()) boxes.set(boundsAndArea(boxOf(truth, `truths[${g}]`)), g * 5)
  for (const [d, detection] of detections.entries()) {
    const [x1, y1, x2, y2, area] = boundsAndArea(boxOf(detection, `detections[${d}]`))
    candidates.foundAreas[d] = area
    for (let g = 0, at = 0; g < truths.length; g++, at += 5) {
      const width = Math.min(x2, boxes[at + 2]!) - Math.max(x1, boxes[at]!)
      const height = Math.min(y2, boxes[at + 3]!) - Math.max(y1, boxes[at + 1]!)
      if (width <= 0 || height <= 0) continue
      const both = width * height
      candidates.overlaps[d * truths.length + g] = both / (candidates.crowd[g] === 1 ? area : area + boxes[at + 4]! - both)
    }
  }
  return candidates
}

function boundsAndArea(box: Box): [x1: number, y1: number, x2: number, y2: number, area: number] {
  const [x, y, width, height] = toCornerSize(box)
  return [x, y, x + width, y + height, Math.max(0, width) * Math.max(0, height)]
}

function maskCandidates(detections: readonly Detection[], truths: readonly Annotation[], picture: DetectedPicture): Candidates {
  const candidates = candidatesOf(detections.length, truths)
  const masks = truths.map((truth, g) => maskOf(truth, picture, `truths[${g}]`))
  const bounds = masks.map(maskBounds)
  for (const [g, truth] of truths.entries()) if (truth.area === undefined) candidates.truthAreas[g] = maskArea(masks[g]!)
  for (const [d, detection] of detections.entries()) {
    const mask = maskOf(detection, picture, `detections[${d}]`)
    const box = maskBounds(mask)
    candidates.foundAreas[d] = maskArea(mask)
    for (const [g, truth] of masks.entries()) {
      const other = bounds[g]
      const apart = !box || !other || box.x2 <= other.x1 || other.x2 <= box.x1 || box.y2 <= other.y1 || other.y2 <= box.y1
      const sameSize = mask.width === truth.width && mask.height === truth.height
      // Masks of different sizes are refused, also where they lie apart.
      if (apart && sameSize) continue
      candidates.overlaps[d * truths.length + g] = maskIoU(mask, truth, { crowd: candidates.crowd[g] === 1 })
    }
  }
  return candidates
}
