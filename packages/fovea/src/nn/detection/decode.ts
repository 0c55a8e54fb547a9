// From the scores of a detector's head to its answer: boxes, without doubles, the best first. All in the graph.

import { Tensor } from '../../graph/tensor.ts'
import type { Emitter } from '../emitter.ts'
import { expectedDistances } from './distribution.ts'
import type { DetectionScores } from './loss.ts'
import { boxesAround, emitPoints } from './points.ts'

/**
 * - `class`: boxes of different classes leave each other alone;
 * - `agnostic`: of boxes that overlap the best stays, whatever the classes; each point answers with its likeliest class alone;
 * - `none`: for heads that were trained to answer once.
 */
export type Suppression = 'class' | 'agnostic' | 'none'

/** Values that decide which boxes stay, as names of the graph, so that whoever runs the model can set them. */
export interface DetectionThresholds {
  /** float [classes]: what scores less is no detection. */
  readonly confidence: string
  /** float [1]: boxes that overlap a better one by more than this go. */
  readonly iou: string
  /** int64 [1]: the most detections of a picture. */
  readonly limit: string
}

/** The answer for N pictures, `limit` places each, the best first; behind the last detection scores are 0. */
export interface DecodedDetections {
  /** float [N, limit, 4]: x1, y1, x2, y2 in pixels of the input. */
  readonly boxes: string
  /** float [N, limit], 0 to 1. */
  readonly scores: string
  /** int64 [N, limit]. */
  readonly labels: string
  /** int64 [N]: how many there are; -1 where a score of the picture is no number. */
  readonly count: string
  /** int64 [N, limit]: the points that found them. */
  readonly points: string
}

/** Boxes of all points, [N, A, 4], and the probabilities of their classes, [N, classes, A]. */
export interface Candidates {
  readonly boxes: string
  readonly probabilities: string
}

/** What the head found, before doubles go. @param bins as the head was built */
export function emitCandidates(e: Emitter, scores: DetectionScores, bins: number): Candidates {
  const { x1, y1, x2, y2 } = boxesAround(e, emitPoints(e, scores.levels), expectedDistances(e, scores.sides, bins))
  const boxes = e.b.op('Concat', [x1, y1, x2, y2], { axis: 1 })
  return { boxes: e.b.op('Transpose', [boxes], { perm: [0, 2, 1] }), probabilities: e.b.op('Sigmoid', [scores.classes]) }
}

/**
 * Leaves out what scores too little and what a better box overlaps, and puts the rest in order. Of equal scores the earlier point is kept; in the
 * result the lower class comes first, then the earlier point.
 */
export function emitSuppression(
  e: Emitter,
  { boxes, probabilities }: Candidates,
  suppression: Suppression,
  { confidence, iou, limit }: DetectionThresholds,
): DecodedDetections {
  const { b } = e
  const none = b.scalar(0, e.dtype)
  const least = e.reshape(confidence, [1, -1, 1])
  const enough = b.op('GreaterOrEqual', [probabilities, least])
  let counted = b.op('Where', [enough, probabilities, none])
  if (suppression === 'agnostic') counted = likeliestOnly(e, counted)
  if (suppression !== 'none') {
    const selected = emitNms(e, boxes, counted, suppression, iou, limit)
    const nothing = e.mul(counted, 0)
    counted = b.op('ScatterND', [nothing, selected, b.op('GatherND', [counted, selected])])
  }
  const flat = b.op('Flatten', [counted], { axis: 1 })
  const points = b.op('Shape', [counted], { start: 2, end: 3 })
  const places = b.op('Min', [limit, b.op('Shape', [flat], { start: 1, end: 2 })])
  const [scores, index] = b.ops('TopK', [flat, places], 2, { axis: 1, largest: 1, sorted: 1 })
  const labels = b.op('Div', [index!, points])
  const at = b.op('Mod', [index!, points])
  const point = b.op('Unsqueeze', [at, b.ints([2])])
  const found = b.op('Cast', [b.op('Greater', [scores!, none])], { to: 7 })
  // Scores that are no numbers pass no threshold: nothing found would be told where nothing is known.
  const sums = e.sum(probabilities, [1, 2], false)
  const isBroken = b.op('Or', [b.op('IsNaN', [sums]), b.op('IsInf', [sums])])
  return {
    boxes: b.op('GatherND', [boxes, point], { batch_dims: 1 }),
    scores: scores!,
    labels,
    count: b.op('Where', [isBroken, b.scalar(-1, 'int64'), b.op('ReduceSum', [found, b.ints([1])], { keepdims: 0 })]),
    points: at,
  }
}

/** Of each point the class with the best score; the others 0. The first of equals. */
function likeliestOnly(e: Emitter, scores: string): string {
  const { b } = e
  const best = b.op('ArgMax', [scores], { axis: 1, keepdims: 1 })
  const classes = b.op('Squeeze', [b.op('Shape', [scores], { start: 1, end: 2 })])
  const numbers = b.op('Unsqueeze', [b.op('Range', [b.scalar(0, 'int64'), classes, b.scalar(1, 'int64')]), b.ints([0, 2])])
  return e.mul(scores, e.float(b.op('Equal', [best, numbers])))
}

/** Indices [K, 3] of picture, class and point. */
function emitNms(e: Emitter, boxes: string, scores: string, suppression: Suppression, iou: string, limit: string): string {
  const { b } = e
  const threshold = b.constant(Tensor.float32([1], [0]), 'nothing')
  if (suppression === 'class') return b.op('NonMaxSuppression', [boxes, scores, limit, iou, threshold])
  const best = b.op('ReduceMax', [scores, b.ints([1])], { keepdims: 1 })
  const selected = b.op('NonMaxSuppression', [boxes, best, limit, iou, threshold])
  // The class is that of the score that was kept.
  const [picture, , point] = b.ops('Split', [selected], 3, { axis: 1, num_outputs: 3 })
  const at = b.op('Concat', [picture!, point!], { axis: 1 })
  const turned = b.op('Transpose', [scores], { perm: [0, 2, 1] })
  const label = b.op('ArgMax', [b.op('GatherND', [turned, at])], { axis: 1, keepdims: 1 })
  return b.op('Concat', [picture!, label, point!], { axis: 1 })
}
