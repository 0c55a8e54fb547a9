// Polygons as plane geometry: areas, bounds, clipping, the smallest rectangle around.

import type { Box, Polygon } from '../annotation.ts'
import { depthOf, type Matrix3, movePoint } from './matrix.ts'

export function boxPolygon({ x1, y1, x2, y2 }: Box): Polygon {
  return [x1, y1, x2, y1, x2, y2, x1, y2]
}

/** By the shoelace formula: over 0 for corners that go clockwise as seen (y points down). */
export function signedArea(polygon: Polygon): number {
  let sum = 0
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2)
    sum += polygon[j]! * polygon[i + 1]! - polygon[i]! * polygon[j + 1]!
  return sum / 2
}

export function polygonArea(polygon: Polygon): number {
  return Math.abs(signedArea(polygon))
}

/** The smallest box around all points; undefined for none. */
export function boundsOf(polygons: readonly Polygon[]): Box | undefined {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const polygon of polygons)
    for (let i = 0; i + 1 < polygon.length; i += 2) {
      x1 = Math.min(x1, polygon[i]!)
      x2 = Math.max(x2, polygon[i]!)
      y1 = Math.min(y1, polygon[i + 1]!)
      y2 = Math.max(y2, polygon[i + 1]!)
    }
  return x1 > x2 ? undefined : { x1, y1, x2, y2 }
}

/** The part where a x + b y + c is not under 0 (Sutherland & Hodgman 1974, one edge). Empty where nothing is left. */
export function clipHalfPlane(polygon: Polygon, a: number, b: number, c: number): Polygon {
  const out: number[] = []
  const side = (i: number) => a * polygon[i]! + b * polygon[i + 1]! + c
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [before, here] = [side(j), side(i)]
    if ((before < 0 && here > 0) || (before > 0 && here < 0)) {
      const t = before / (before - here)
      out.push(polygon[j]! + t * (polygon[i]! - polygon[j]!), polygon[j + 1]! + t * (polygon[i + 1]! - polygon[j + 1]!))
    }
    if (here >= 0) out.push(polygon[i]!, polygon[i + 1]!)
  }
  return out.length < 6 ? [] : out
}

/**
 * The part inside a convex polygon, whichever way that one turns; empty where there is none. An outline that is parted by the cut stays one
 * polygon: its parts are joined along the border, which changes neither area nor bounds.
 */
export function clipToConvex(polygon: Polygon, convex: Polygon): Polygon {
  const turn = Math.sign(signedArea(convex))
  if (turn === 0) return []
  let left = polygon
  for (let i = 0, j = convex.length - 2; i < convex.length && left.length > 0; j = i, i += 2) {
    const [dx, dy] = [convex[i]! - convex[j]!, convex[i + 1]! - convex[j + 1]!]
    if (dx === 0 && dy === 0) continue
    left = clipHalfPlane(left, -dy * turn, dx * turn, (dy * convex[j]! - dx * convex[j + 1]!) * turn)
  }
  return left
}

/** Inside or on the border of a convex polygon, give or take a millionth of a pixel. */
export function isInside(convex: Polygon, x: number, y: number): boolean {
  const turn = Math.sign(signedArea(convex))
  for (let i = 0, j = convex.length - 2; i < convex.length; j = i, i += 2) {
    const [dx, dy] = [convex[i]! - convex[j]!, convex[i + 1]! - convex[j + 1]!]
    const length = Math.hypot(dx, dy)
    if (length > 0 && turn * (dx * (y - convex[j + 1]!) - dy * (x - convex[j]!)) < -1e-6 * length) return false
  }
  return turn !== 0
}

/** Inside or on the border of any polygon, by the even-odd rule: where it crosses itself, what is covered twice is outside. */
export function containsPoint(polygon: Polygon, x: number, y: number): boolean {
  let inside = false
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [x1, y1, x2, y2] = [polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!]
    const turn = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
    const isWithin = x >= Math.min(x1, x2) && x <= Math.max(x1, x2) && y >= Math.min(y1, y2) && y <= Math.max(y1, y2)
    if (turn === 0 && isWithin) return true
    // An edge holds its upper end alone, so that a corner is met once.
    if (y1 <= y !== y2 <= y && turn > 0 === y2 > y1) inside = !inside
  }
  return inside
}

/** The part of the column at `x` that lies in a convex polygon, from top to bottom; undefined where it passes by. */
export function columnSpan(convex: Polygon, x: number): readonly [top: number, bottom: number] | undefined {
  let [top, bottom] = [Infinity, -Infinity]
  for (let i = 0, j = convex.length - 2; i < convex.length; j = i, i += 2) {
    const [x1, x2] = [convex[j]!, convex[i]!]
    if (Math.min(x1, x2) > x || Math.max(x1, x2) < x || x1 === x2) continue
    const y = convex[j + 1]! + ((x - x1) / (x2 - x1)) * (convex[i + 1]! - convex[j + 1]!)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  return top > bottom ? undefined : [top, bottom]
}

/** Every corner moved; all of them must lie before the eye. */
export function movePolygon(polygon: Polygon, matrix: Matrix3): Polygon {
  const out: number[] = []
  for (let i = 0; i + 1 < polygon.length; i += 2) out.push(...movePoint(matrix, polygon[i]!, polygon[i + 1]!))
  return out
}

/** The part that lies before the eye of a perspective, moved. */
export function moveVisible(polygon: Polygon, matrix: Matrix3): Polygon {
  return movePolygon(clipHalfPlane(polygon, matrix[6]!, matrix[7]!, matrix[8]! - 1e-6), matrix)
}

/** True where every corner lies before the eye. */
export function isBeforeEye(polygon: Polygon, matrix: Matrix3): boolean {
  for (let i = 0; i + 1 < polygon.length; i += 2) if (depthOf(matrix, polygon[i]!, polygon[i + 1]!) < 1e-6) return false
  return true
}

/** The smallest convex polygon around all points (Andrew 1979), clockwise as seen; fewer than three corners where they lie on a line. */
export function convexHull(polygons: readonly Polygon[]): Polygon {
  const points: (readonly [number, number])[] = []
  for (const polygon of polygons) for (let i = 0; i + 1 < polygon.length; i += 2) points.push([polygon[i]!, polygon[i + 1]!])
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const half = (list: Iterable<readonly [number, number]>) => {
    const chain: (readonly [number, number])[] = []
    for (const [x, y] of list) {
      for (; chain.length >= 2; chain.pop()) {
        const [[ax, ay], [bx, by]] = [chain.at(-2)!, chain.at(-1)!]
        if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0) break
      }
      chain.push([x, y])
    }
    return chain.slice(0, -1)
  }
  const hull = [...half(points), ...half(points.toReversed())]
  // Equal points come twice.
  return hull.filter(([x, y], i) => i === 0 || x !== hull[i - 1]![0] || y !== hull[i - 1]![1]).flat()
}

/** The rectangle of least area around a convex polygon: one of its sides lies on a side of the polygon. Clockwise as seen. */
export function smallestRectangle(convex: Polygon): Polygon {
  let best: Polygon = convex
  let least = Infinity
  for (let i = 0, j = convex.length - 2; i < convex.length; j = i, i += 2) {
    const length = Math.hypot(convex[i]! - convex[j]!, convex[i + 1]! - convex[j + 1]!)
    if (length === 0) continue
    const [ux, uy] = [(convex[i]! - convex[j]!) / length, (convex[i + 1]! - convex[j + 1]!) / length]
    const turned = boundsOf([movePolygon(convex, [ux, uy, 0, -uy, ux, 0, 0, 0, 1])])!
    const area = (turned.x2 - turned.x1) * (turned.y2 - turned.y1)
    if (area >= least) continue
    least = area
    best = movePolygon(boxPolygon(turned), [ux, -uy, 0, uy, ux, 0, 0, 0, 1])
  }
  return best
}
