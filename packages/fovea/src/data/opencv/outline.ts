// What an outline measures: area, perimeter, boxes, hull, moments.

import type { Box, Polygon } from '../../vision/annotation.ts'
import type { Mat } from './library.ts'
import type { MatScope } from './mat-scope.ts'

/** Zeroth to second moments of an area under an outline, or of the brightness of a picture. */
export interface Moments {
  /** Of a picture: the sum of its values. */
  readonly area: number
  /** The centre of mass; NaN where the area is 0. */
  readonly x: number
  readonly y: number
  /** Second central moments. */
  readonly mu20: number
  readonly mu11: number
  readonly mu02: number
  /** The seven invariants of Hu (1962). */
  readonly hu: readonly number[]
}

/** A box that is turned about its centre (`x`, `y`). */
export interface TurnedBox {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** Degrees, clockwise as seen, from the x axis to the side that is `width` long. */
  readonly angle: number
  readonly polygon: Polygon
}

export interface OutlineFigures {
  readonly polygon: Polygon
  readonly area: number
  readonly perimeter: number
  /** Holds the pixels of the outline whole. */
  readonly box: Box
  readonly minAreaRect: TurnedBox
  readonly hull: Polygon
  readonly isConvex: boolean
  readonly moments: Moments
}

interface NativeTurnedBox {
  readonly center: { readonly x: number; readonly y: number }
  readonly size: { readonly width: number; readonly height: number }
  readonly angle: number
}

/** The figures of a closed outline of whole pixels (32-bit points); `tolerance` above 0 simplifies it (Douglas and Peucker 1973). */
export function describeOutline(scope: MatScope, line: Mat, tolerance: number): OutlineFigures {
  let outline = line
  if (tolerance > 0) {
    outline = scope.mat()
    scope.call('approxPolyDP', line, outline, tolerance, true)
  }
  const { x, y, width, height } = scope.call<{ x: number; y: number; width: number; height: number }>('boundingRect', outline)
  const hull = scope.mat()
  scope.call('convexHull', outline, hull, true, true)
  return {
    polygon: polygonOf(outline),
    area: scope.call<number>('contourArea', outline, false),
    perimeter: scope.call<number>('arcLength', outline, true),
    box: { x1: x, y1: y, x2: x + width, y2: y + height },
    minAreaRect: turnedBox(scope.call('minAreaRect', outline)),
    hull: polygonOf(hull),
    isConvex: scope.call<boolean>('isContourConvex', outline),
    moments: momentsOf(scope, outline, false),
  }
}

/** The points of a matrix of two channels, moved into our coordinates. */
export function polygonOf(points: Mat): number[] {
  return Array.from(points.depth() === 4 ? points.data32S : points.data32F, (value) => value + 0.5)
}

/** In our coordinates. The corners follow one another clockwise, the first two along `width`. */
export function turnedBox({ center, size, angle }: NativeTurnedBox): TurnedBox {
  const [x, y] = [center.x + 0.5, center.y + 0.5]
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180) / 2, Math.sin((angle * Math.PI) / 180) / 2]
  const corner = (right: number, down: number) => [
    x + right * size.width * cos - down * size.height * sin,
    y + right * size.width * sin + down * size.height * cos,
  ]
  const polygon = [...corner(-1, -1), ...corner(1, -1), ...corner(1, 1), ...corner(-1, 1)]
  return { x, y, width: size.width, height: size.height, angle, polygon }
}

/** Of an outline, or of a picture: by its values, or `binary`, every value above 0 as 1. */
export function momentsOf(scope: MatScope, source: Mat, binary: boolean): Moments {
  const all = scope.call<Record<string, number>>('moments', source, binary)
  const hu = scope.mat()
  scope.call('HuMoments', all, hu)
  const { m00 = 0, m10 = 0, m01 = 0, mu20 = 0, mu11 = 0, mu02 = 0 } = all
  return { area: m00, x: m10 / m00 + 0.5, y: m01 / m00 + 0.5, mu20, mu11, mu02, hu: Array.from(hu.data64F) }
}
