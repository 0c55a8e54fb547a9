// Figures fitted to points and to outlines.

import type { Polygon } from '../../../vision/annotation.ts'
import { checkNumber, checkOneOf, checkPoints } from '../check.ts'
import { polygonOf, type TurnedBox, turnedBox } from '../outline.ts'
import { plainFunction } from '../step.ts'

/** A line through (`x`, `y`) along the unit vector (`dx`, `dy`). */
export interface FittedLine {
  readonly x: number
  readonly y: number
  readonly dx: number
  readonly dy: number
}

export interface EnclosingCircle {
  readonly x: number
  readonly y: number
  readonly radius: number
}

const lineDistances = { l1: 'DIST_L1', l2: 'DIST_L2', huber: 'DIST_HUBER', welsch: 'DIST_WELSCH', fair: 'DIST_FAIR' } as const

/** What is made least: squares, or a sum that outliers weigh less in. */
export type LineDistance = keyof typeof lineDistances

const ellipseMethods = { leastSquares: 'fitEllipse', ams: 'fitEllipseAMS', direct: 'fitEllipseDirect' } as const

export type EllipseMethod = keyof typeof ellipseMethods

export interface OfPoints {
  readonly points: readonly number[]
}

export const shapeFunctions = {
  minAreaRect: plainFunction<OfPoints, TurnedBox>({
    check: ({ points }) => checkPoints('minAreaRect.points', points, 1),
    run: (scope, { points }) => turnedBox(scope.call('minAreaRect', scope.points(points))),
  }),

  minEnclosingCircle: plainFunction<OfPoints, EnclosingCircle>({
    check: ({ points }) => checkPoints('minEnclosingCircle.points', points, 1),
    run(scope, { points }) {
      const { center, radius } = scope.call<{ center: { x: number; y: number }; radius: number }>(
        'minEnclosingCircle',
        scope.points(points),
      )
      return { x: center.x + 0.5, y: center.y + 0.5, radius }
    },
  }),

  convexHull: plainFunction<OfPoints, Polygon>({
    check: ({ points }) => checkPoints('convexHull.points', points, 1),
    run(scope, { points }) {
      const hull = scope.mat()
      scope.call('convexHull', scope.points(points), hull, true, true)
      return polygonOf(hull)
    },
  }),

  fitLine: plainFunction<OfPoints & { readonly distance: LineDistance }, FittedLine>({
    check({ points, distance }) {
      checkPoints('fitLine.points', points, 2)
      checkOneOf('fitLine.distance', distance, Object.keys(lineDistances) as LineDistance[])
    },
    run(scope, { points, distance }) {
      const out = scope.mat()
      scope.call('fitLine', scope.points(points), out, scope.constant(lineDistances[distance]), 0, 0.01, 0.01)
      const [dx, dy, x, y] = out.data32F
      return { dx: dx!, dy: dy!, x: x! + 0.5, y: y! + 0.5 }
    },
  }),

  fitEllipse: plainFunction<OfPoints & { readonly method: EllipseMethod }, TurnedBox>({
    check({ points, method }) {
      checkPoints('fitEllipse.points', points, 5)
      checkOneOf('fitEllipse.method', method, Object.keys(ellipseMethods) as EllipseMethod[])
    },
    run: (scope, { points, method }) => turnedBox(scope.call(ellipseMethods[method], scope.points(points))),
  }),

  matchShapes: plainFunction<{ readonly a: Polygon; readonly b: Polygon; readonly method: 1 | 2 | 3 }, number>({
    check({ a, b, method }) {
      checkPoints('matchShapes.a', a, 3)
      checkPoints('matchShapes.b', b, 3)
      checkOneOf('matchShapes.method', method, [1, 2, 3])
    },
    run: (scope, { a, b, method }) => scope.call<number>('matchShapes', scope.points(a), scope.points(b), method, 0),
  }),

  simplify: plainFunction<OfPoints & { readonly tolerance: number }, Polygon>({
    check({ points, tolerance }) {
      checkPoints('simplify.points', points, 1)
      checkNumber('simplify.tolerance', tolerance, 0)
    },
    run(scope, { points, tolerance }) {
      const out = scope.mat()
      scope.call('approxPolyDP', scope.points(points), out, tolerance, true)
      return polygonOf(out)
    },
  }),
}
