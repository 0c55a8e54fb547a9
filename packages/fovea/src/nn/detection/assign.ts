// Which point of the pyramid learns which box: task-aligned assignment (Feng 2021, arXiv:2108.07755), in the graph.

import { Tensor } from '../../graph/tensor.ts'
import type { Emitter } from '../emitter.ts'
import { type Corners, emitIoU } from './boxes.ts'

export interface AssignOptions {
  /** Points that a box is learnt by: 1 for a head that needs no suppression of doubles. @default 10 */
  readonly topK?: number
  /** Exponent of the probability of the class. @default 0.5 */
  readonly alpha?: number
  /** Exponent of the overlap. @default 6 */
  readonly beta?: number
}

/** What is assigned, of `count` pictures with `boxes` places for boxes, `classes` and `points`. */
export interface AssignInputs {
  readonly dims: { readonly count: number; readonly boxes: number; readonly classes: number; readonly points: number }
  /** Middles of the cells in pixels, [1, 1, points] each. */
  readonly x: string
  readonly y: string
  /** Pixels between the points of the finest level. */
  readonly finest: number
  /** Boxes that were found, [count, 1, points] each. */
  readonly found: Corners
  /** Probabilities, [count, classes, points]. */
  readonly probabilities: string
  /** float [count, boxes, 4], x1, y1, x2, y2 in pixels. */
  readonly truth: string
  /** int64 [count, boxes]; -1 where there is no box. */
  readonly labels: string
}

export interface Assignment {
  /** The box that each point learns, [count, 1, points] each; 0 where there is none. */
  readonly boxes: Corners
  /** What the class scores shall be, [count, classes, points]: 0, or how well the point does, at most the overlap of the best. */
  readonly scores: string
  /** The sum of `scores` over classes, [count, 1, points]: the weight of the point in the losses of boxes. */
  readonly weight: string
  /** 1 at the point of each box that agrees with it best, [count, boxes, points]; of equals all. */
  readonly best: string
}

/**
 * Each box takes the `topK` points inside it whose answer agrees with it best, by probability^alpha * IoU^beta; a point that several boxes
 * want goes to the one that it overlaps most. The best point of a box is asked for a score of its own overlap, the others for as much less as they agree less.
 * A box that is so small that it holds no point takes those nearest to its middle.
 *
 * Everything here is to count as constant: differentiate neither scores nor boxes.
 */
export function emitAssignment(e: Emitter, inputs: AssignInputs, { topK = 10, alpha = 0.5, beta = 6 }: AssignOptions = {}): Assignment {
  const { b } = e
  const { dims, found, probabilities, truth } = inputs
  const { count, boxes, classes, points } = dims
  const numbers = b.constant(
    Tensor.int64(
      [1, 1, classes],
      Array.from({ length: classes }, (_, i) => i),
    ),
    'classes',
  )
  const labels = b.op('Unsqueeze', [inputs.labels, b.ints([2])])
  const isThere = e.float(b.op('GreaterOrEqual', [labels, b.scalar(0, 'int64')]))
  // [count, boxes, classes]: one where the box is of the class.
  const ofClass = e.float(b.op('Equal', [labels, numbers]))
  const sides = b.ops('Split', [truth], 4, { axis: 2, num_outputs: 4 })
  const [x1, y1, x2, y2] = sides as [string, string, string, string]

  const overlap = emitIoU(e, found, { x1, y1, x2, y2 })
  const probability = b.op('MatMul', [ofClass, probabilities])
  const agreement = e.mul(emitPower(e, probability, alpha), emitPower(e, overlap, beta))
  const candidates = e.mul(agreement, isThere, insideOf(e, inputs, [x1, y1, x2, y2]))

  const taken = Math.min(topK, points)
  const [best] = b.ops('TopK', [candidates, b.ints([taken])], 2, { axis: 2, largest: 1, sorted: 1 })
  const least = b.op('Slice', [best!, b.ints([taken - 1]), b.ints([taken]), b.ints([2])])
  const wanted = e.mul(e.float(b.op('GreaterOrEqual', [candidates, least])), e.float(e.greater(candidates, 0)))
  // The box of greatest overlap among those that want the point: the first of equals.
  const claims = e.mul(overlap, wanted)
  const winner = b.op('ArgMax', [claims], { axis: 1, keepdims: 1 })
  const places = b.constant(
    Tensor.int64(
      [1, boxes, 1],
      Array.from({ length: boxes }, (_, i) => i),
    ),
    'places',
  )
  const mine = e.mul(wanted, e.float(b.op('Equal', [winner, places])))

  const agreed = e.mul(agreement, mine)
  const most = e.highest(agreed, [2])
  const reach = e.highest(e.mul(overlap, mine), [2])
  const quality = e.mul(agreed, e.div(reach, e.max(most, 1e-30)))
  const weight = e.highest(quality, [1])

  const turned = b.op('Transpose', [truth], { perm: [0, 2, 1] })
  const assigned = b.op('MatMul', [turned, mine])
  const [ax1, ay1, ax2, ay2] = b.ops('Split', [assigned], 4, { axis: 1, num_outputs: 4 })
  const assignedClass = b.op('MatMul', [b.op('Transpose', [ofClass], { perm: [0, 2, 1] }), mine])
  return {
    boxes: { x1: ax1!, y1: ay1!, x2: ax2!, y2: ay2! },
    scores: e.reshape(e.mul(assignedClass, weight), [count, classes, points]),
    weight,
    best: e.mul(mine, e.float(b.op('GreaterOrEqual', [agreed, e.max(most, 1e-30)]))),
  }
}

/** One where the point lies in the box, [count, boxes, points]; boxes count as at least a cell of the finest level wide and high. */
function insideOf(e: Emitter, { x, y, finest }: AssignInputs, [x1, y1, x2, y2]: readonly [string, string, string, string]): string {
  const within = (at: string, low: string, high: string) => {
    const middle = e.mul(e.add(low, high), 0.5)
    // A little more than half a cell, so that no middle falls between two points.
    const reach = e.max(e.mul(e.sub(high, low), 0.5), 0.5001 * finest)
    return e.float(b.op('Less', [e.call('Abs', e.sub(at, middle)), reach]))
  }
  const { b } = e
  return e.mul(within(x, x1, x2), within(y, y1, y2))
}

function emitPower(e: Emitter, x: string, exponent: number): string {
  if (exponent === 1) return x
  if (exponent === 0.5) return e.call('Sqrt', x)
  if (Number.isInteger(exponent) && exponent > 1 && exponent % 2 === 0) return emitPower(e, e.square(x), exponent / 2)
  return e.b.op('Pow', [x, e.b.scalar(exponent, e.dtype)])
}
