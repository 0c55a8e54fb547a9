// Non-maximum suppression of boxes: greedy, class by class, and its soft form (Bodla et al. 2017, "Soft-NMS").

import { FoveaError } from '../util/errors.ts'
import type { Detection } from './annotation.ts'
import { boxArea } from './boxes.ts'
import { boxOf } from './metrics/detections.ts'
import { objectsOf } from './metrics/metric.ts'

export interface NmsOptions {
  /** Boxes that overlap a better one by more than this go. @default 0.5 */
  readonly iou?: number
  /** Boxes of different classes leave each other alone. @default true */
  readonly byClass?: boolean
  /** Detections below this score go first. @default 0 */
  readonly minScore?: number
  /** The most detections of a picture. @default no limit */
  readonly maxDetections?: number
  /**
   * Lowers scores instead: `gaussian` times exp(-IoU^2 / sigma) for every overlap, `linear` times 1 - IoU for those over `iou`. What falls
   * below `minScore` (0.001 at least, as in the paper's code) goes.
   */
  readonly soft?: 'gaussian' | 'linear'
  /** Of `gaussian`. @default 0.5 */
  readonly sigma?: number
}

/**
 * The detections that are left, best score first; of equal scores the earlier one comes first and wins. A thing without a box is measured
 * by the box around its mask or outline. With `soft` the scores are the lowered ones.
 *
 * @throws FoveaError METRIC_INVALID for options outside 0 to 1, scores that are not numbers, detections without a place
 */
export function nonMaxSuppression<T extends Detection>(detections: readonly T[], options: NmsOptions = {}): T[] {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  objectsOf(detections, 'detections')
  const { iou = 0.5, byClass = true, minScore = 0, maxDetections = Number.POSITIVE_INFINITY, soft, sigma = 0.5 } = options
  if (!(iou >= 0 && iou <= 1)) throw invalid('iou', '0 to 1', iou)
  if (!(sigma > 0)) throw invalid('sigma', 'above 0', sigma)
  if (!(maxDetections >= 0)) throw invalid('maxDetections', '0 or more', maxDetections)
  for (const [i, { score }] of detections.entries())
    if (!Number.isFinite(score)) throw invalid(`detections[${i}].score`, 'a finite number', score)
  const order = detections.map((_, i) => i).filter((i) => detections[i]!.score >= minScore)
  order.sort((a, b) => detections[b]!.score - detections[a]!.score || a - b)
  const boxes = new BoxTable(order.map((i) => detections[i]!))
  if (soft !== undefined) return suppressSoftly(order, detections, boxes, { iou, byClass, maxDetections, sigma, soft, minScore })
  // Of each class the places that are kept, so that a box meets only those of its own.
  const kept = new Map<number, number[]>()
  const result: T[] = []
  for (let at = 0; at < order.length && result.length < maxDetections; at++) {
    const detection = detections[order[at]!]!
    const key = byClass ? detection.label : 0
    const rivals = kept.get(key)
    if (rivals?.some((rival) => boxes.iou(rival, at) > iou)) continue
    if (rivals === undefined) kept.set(key, [at])
    else rivals.push(at)
    result.push(detection)
  }
  return result
}

interface SoftOptions {
  readonly iou: number
  readonly byClass: boolean
  readonly maxDetections: number
  readonly sigma: number
  readonly soft: 'gaussian' | 'linear'
  readonly minScore: number
}

function suppressSoftly<T extends Detection>(
  order: readonly number[],
  detections: readonly T[],
  boxes: BoxTable,
  options: SoftOptions,
): T[] {
  const { iou, byClass, maxDetections, sigma, soft } = options
  const least = Math.max(options.minScore, 0.001)
  const scores = Float64Array.from(order, (i) => detections[i]!.score)
  const left = new Set(order.keys())
  const result: T[] = []
  while (left.size > 0 && result.length < maxDetections) {
    let best = -1
    for (const at of left) if (best < 0 || scores[at]! > scores[best]!) best = at
    if (scores[best]! < least) break
    left.delete(best)
    const detection = detections[order[best]!]!
    result.push({ ...detection, score: scores[best]! })
    for (const at of left) {
      if (byClass && detections[order[at]!]!.label !== detection.label) continue
      const overlap = boxes.iou(best, at)
      const factor = soft === 'gaussian' ? Math.exp(-(overlap * overlap) / sigma) : overlap > iou ? 1 - overlap : 1
      scores[at] = scores[at]! * factor
    }
  }
  return result
}

/** Corners and areas as one array: candidates come in thousands. */
class BoxTable {
  readonly #values: Float64Array

  constructor(detections: readonly Detection[]) {
    this.#values = new Float64Array(detections.length * 5)
    for (const [i, detection] of detections.entries()) {
      const box = boxOf(detection, `detections[${i}]`)
      this.#values.set([box.x1, box.y1, box.x2, box.y2, boxArea(box)], i * 5)
    }
  }

  iou(a: number, b: number): number {
    const values = this.#values
    const [i, j] = [a * 5, b * 5]
    const width = Math.min(values[i + 2]!, values[j + 2]!) - Math.max(values[i]!, values[j]!)
    const height = Math.min(values[i + 3]!, values[j + 3]!) - Math.max(values[i + 1]!, values[j + 1]!)
    if (width <= 0 || height <= 0) return 0
    const both = width * height
    return both / (values[i + 4]! + values[j + 4]! - both)
  }
}

function invalid(field: string, expected: string, found: number): FoveaError {
  return new FoveaError('METRIC_INVALID', { field, expected, found: String(found) })
}
