// What a geometric transform does to positions: one matrix, two sizes, and what stays in sight.

import type { Polygon } from '../annotation.ts'
import { identity3, invert3, type Matrix3, multiply3 } from './matrix.ts'
import { clipToConvex, moveVisible } from './polygon.ts'

export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** Plain data. Positions are those of boxes: the first pixel reaches from 0 to 1. */
export interface Geometry {
  /** The picture before and after. */
  readonly from: PictureSize
  readonly to: PictureSize
  /** A point of the picture before to one of the picture after. */
  readonly matrix: Matrix3
  /** The part of the picture before that is still to be seen after all steps: convex, in positions of the picture before. Empty for none. */
  readonly seen: Polygon
}

/** The geometry of one step. */
export function geometryOf(from: PictureSize, to: PictureSize, matrix: Matrix3): Geometry {
  return { from, to, matrix, seen: clipToConvex(frameOf(from), moveVisible(frameOf(to), invert3(matrix))) }
}

/** Nothing moves. */
export function stillGeometry({ width, height }: PictureSize): Geometry {
  const size = { width, height }
  return { from: size, to: size, matrix: identity3, seen: frameOf(size) }
}

/** One geometry for two in a row. What the first pushed out of the picture does not come back with the second. */
export function chainGeometry(first: Geometry, second: Geometry): Geometry {
  return {
    from: first.from,
    to: second.to,
    matrix: multiply3(second.matrix, first.matrix),
    seen: clipToConvex(first.seen, moveVisible(second.seen, invert3(first.matrix))),
  }
}

function frameOf({ width, height }: PictureSize): Polygon {
  return [0, 0, width, 0, width, height, 0, height]
}
