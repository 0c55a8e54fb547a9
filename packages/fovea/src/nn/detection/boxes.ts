// Boxes in a graph: how much they overlap, and the losses that pull them onto each other.

import type { Emitter } from '../emitter.ts'

/** Four values of shapes that broadcast, in one unit: x1 <= x2, y1 <= y2. */
export interface Corners {
  readonly x1: string
  readonly y1: string
  readonly x2: string
  readonly y2: string
}

/** From [N, 4, A], in the order x1, y1, x2, y2, to four of [N, 1, A]. */
export function cornersOf({ b }: Emitter, boxes: string): Corners {
  const [x1, y1, x2, y2] = b.ops('Split', [boxes], 4, { axis: 1, num_outputs: 4 })
  return { x1: x1!, y1: y1!, x2: x2!, y2: y2! }
}

/** Against divisions by zero; boxes are in pixels, whose areas are far greater. */
const epsilon = 1e-7

interface Overlap {
  readonly iou: string
  readonly union: string
}

function overlapOf(e: Emitter, a: Corners, b: Corners): Overlap {
  const side = (low1: string, low2: string, high1: string, high2: string) => e.max(e.sub(e.min(high1, high2), e.max(low1, low2)), 0)
  const both = e.mul(side(a.x1, b.x1, a.x2, b.x2), side(a.y1, b.y1, a.y2, b.y2))
  const union = e.sub(e.add(areaOf(e, a), areaOf(e, b)), both)
  return { iou: e.div(both, e.add(union, epsilon)), union }
}

function areaOf(e: Emitter, { x1, y1, x2, y2 }: Corners): string {
  return e.mul(e.sub(x2, x1), e.sub(y2, y1))
}

/** Intersection over union, 0 to 1. */
export function emitIoU(e: Emitter, a: Corners, b: Corners): string {
  return overlapOf(e, a, b).iou
}

/** 1 - GIoU, 0 to 2: boxes that do not meet are drawn together too (Rezatofighi 2019, arXiv:1902.09630). */
export function generalizedIoULoss(e: Emitter, found: Corners, truth: Corners): string {
  const { iou, union } = overlapOf(e, found, truth)
  const { width, height } = enclosing(e, found, truth)
  const hull = e.mul(width, height)
  return e.add(e.sub(1, iou), e.div(e.sub(hull, union), e.add(hull, epsilon)))
}

/**
 * 1 - CIoU: overlap, distance of the middles, and aspect ratio (Zheng 2020, arXiv:1911.08287). The weight of the third takes no part in
 * the gradient, as the paper has it.
 *
 * @param detach marks a value as a constant, and gives it back
 */
export function completeIoULoss(e: Emitter, found: Corners, truth: Corners, detach: (value: string) => string): string {
  const { iou } = overlapOf(e, found, truth)
  const { width, height } = enclosing(e, found, truth)
  const apart = (low1: string, high1: string, low2: string, high2: string) => e.square(e.sub(e.add(low1, high1), e.add(low2, high2)))
  // Sums of corners are twice the middles, so that squares are four times the distance.
  const distance = e.mul(e.add(apart(found.x1, found.x2, truth.x1, truth.x2), apart(found.y1, found.y2, truth.y1, truth.y2)), 0.25)
  const diagonal = e.add(e.square(width), e.square(height))
  const angle = ({ x1, y1, x2, y2 }: Corners) => e.call('Atan', e.div(e.sub(x2, x1), e.add(e.sub(y2, y1), epsilon)))
  const aspect = e.mul(e.square(e.sub(angle(truth), angle(found))), 4 / Math.PI ** 2)
  const weight = detach(e.div(aspect, e.add(e.sub(aspect, iou), 1 + epsilon)))
  return e.add(e.sub(1, iou), e.div(distance, e.add(diagonal, epsilon)), e.mul(weight, aspect))
}

/** The smallest box around both. */
function enclosing(e: Emitter, a: Corners, b: Corners): { width: string; height: string } {
  return { width: e.sub(e.max(a.x2, b.x2), e.min(a.x1, b.x1)), height: e.sub(e.max(a.y2, b.y2), e.min(a.y1, b.y1)) }
}
