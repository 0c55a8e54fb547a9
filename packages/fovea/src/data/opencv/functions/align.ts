// Which matrix carries one picture onto the other: from pairs of points, or from the pictures themselves.

import { aboutPoint } from '../../../vision/geometry/matrix.ts'
import type { Image } from '../../../vision/image.ts'
import { toGray } from '../../../vision/image.ts'
import { checkImage, checkInteger, checkNumber, checkNumbers, checkOdd, checkOneOf, checkPoints, checkSameSize, refuse } from '../check.ts'
import { checkFeatures, type FeatureMethod, findFeatures } from '../features.ts'
import type { Mat, Native, NativeVector } from '../library.ts'
import { plainFunction } from '../step.ts'

/** A matrix found by consensus, and which pairs of points agree with it. */
export interface RobustFit {
  /** Row by row: 9 numbers of a homography, 6 of an affine map. */
  readonly matrix: readonly number[]
  readonly inliers: readonly boolean[]
}

const robustMethods = { leastSquares: 0, ransac: 8, lmeds: 4, magsac: 38 } as const

/** RANSAC (Fischler 1981), least median of squares (Rousseeuw 1984), MAGSAC++ (Barath 2020), or least squares over all. */
export type RobustMethod = keyof typeof robustMethods

export interface FitPoints {
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly method: RobustMethod
  readonly threshold: number
  readonly confidence: number
  readonly iterations: number
}

export interface MatchedFeatures {
  /** x and y of each pair in turn: what findHomography takes. */
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly distances: readonly number[]
}

export interface MatchFeatures {
  readonly a: Image
  readonly b: Image
  readonly method: FeatureMethod
  readonly count: number
  readonly ratio: number
}

const motions = { translation: 0, euclidean: 1, affine: 2, homography: 3 } as const

export type AlignmentMotion = keyof typeof motions

export interface Alignment {
  /** 9 numbers: carries the first picture onto the second. */
  readonly matrix: readonly number[]
  /** The enhanced correlation coefficient, at most 1. */
  readonly correlation: number
}

export interface Align {
  readonly a: Image
  readonly b: Image
  readonly motion: AlignmentMotion
  readonly iterations: number
  readonly epsilon: number
  readonly blur: number
  readonly start?: readonly number[] | undefined
}

export const alignFunctions = {
  findHomography: plainFunction<FitPoints, RobustFit | undefined>({
    check: (options) => checkFit('findHomography', options, 4),
    run(scope, { from, to, method, threshold, confidence, iterations }) {
      const mask = scope.mat()
      const fit = scope.call<Mat>(
        'findHomography',
        scope.points(from, '64F'),
        scope.points(to, '64F'),
        robustMethods[method],
        threshold,
        mask,
        iterations,
        confidence,
      )
      const matrix = scope.keep(fit)
      if (matrix.rows === 0) return undefined
      return { matrix: normalised(aboutPoint(Array.from(matrix.data64F), 0.5, 0.5)), inliers: flags(mask, from.length / 2) }
    },
  }),

  findAffine: plainFunction<FitPoints, RobustFit | undefined>({
    check(options) {
      if (options.method === 'leastSquares') refuse('findAffine.method', 'ransac, lmeds or magsac', options.method)
      checkFit('findAffine', options, 3)
    },
    run(scope, { from, to, method, threshold, confidence, iterations }) {
      const mask = scope.mat()
      const fit = scope.call<Mat>(
        'estimateAffine2D',
        scope.points(from, '64F'),
        scope.points(to, '64F'),
        mask,
        robustMethods[method],
        threshold,
        iterations,
        confidence,
        10,
      )
      const matrix = scope.keep(fit)
      if (matrix.rows === 0) return undefined
      const whole = aboutPoint([...matrix.data64F, 0, 0, 1], 0.5, 0.5)
      return { matrix: whole.slice(0, 6), inliers: flags(mask, from.length / 2) }
    },
  }),

  perspectiveOf: plainFunction<{ readonly from: readonly number[]; readonly to: readonly number[] }, readonly number[]>({
    check({ from, to }) {
      checkNumbers('perspectiveOf.from', from, 8)
      checkNumbers('perspectiveOf.to', to, 8)
      checkCorners('perspectiveOf.from', from)
      checkCorners('perspectiveOf.to', to)
    },
    run(scope, { from, to }) {
      const matrix = scope.keep(scope.call<Mat>('getPerspectiveTransform', scope.points(from), scope.points(to)))
      return normalised(aboutPoint(Array.from(matrix.data64F), 0.5, 0.5))
    },
  }),

  matchFeatures: plainFunction<MatchFeatures, MatchedFeatures>({
    check({ a, b, method, count, ratio }) {
      checkImage('matchFeatures.a', a)
      checkImage('matchFeatures.b', b)
      checkFeatures('matchFeatures', { method, count })
      checkNumber('matchFeatures.ratio', ratio, 0, 1)
    },
    run(scope, { a, b, method, count, ratio }) {
      const [first, second] = [a, b].map((image) => findFeatures(scope, scope.image(toGray(image)), { method, count })) as [Found, Found]
      const empty = { from: [], to: [], distances: [] }
      if (first.descriptors.rows === 0 || second.descriptors.rows < 2) return empty
      const norm = scope.constant(method === 'kaze' ? 'NORM_L2' : 'NORM_HAMMING')
      const matcher = scope.create<Matcher>('BFMatcher', norm, false)
      const pairs = scope.create<NativeVector<NativeVector<NativeMatch>>>('DMatchVectorVector')
      matcher.knnMatch(first.descriptors, second.descriptors, pairs, 2)
      const matched: { from: number[]; to: number[]; distances: number[] } = { from: [], to: [], distances: [] }
      for (let i = 0; i < pairs.size(); i++) {
        const both = pairs.get(i)
        const [best, next] = scope.list(both)
        both.delete()
        // Lowe 2004: a match counts where it is clearly better than the next best.
        if (best === undefined || next === undefined || best.distance >= ratio * next.distance) continue
        const [p, q] = [first.plain.points[best.queryIdx]!, second.plain.points[best.trainIdx]!]
        matched.from.push(p.x, p.y)
        matched.to.push(q.x, q.y)
        matched.distances.push(best.distance)
      }
      return matched
    },
  }),

  align: plainFunction<Align, Alignment>({
    check({ a, b, motion, iterations, epsilon, blur, start }) {
      checkSameSize('align.b', checkImage('align.a', a), checkImage('align.b', b), false)
      checkOneOf('align.motion', motion, Object.keys(motions) as AlignmentMotion[])
      checkInteger('align.iterations', iterations, 1, 100_000)
      checkNumber('align.epsilon', epsilon, 0)
      checkOdd('align.blur', blur, 1)
      if (start !== undefined) checkNumbers('align.start', start, 9)
    },
    run(scope, { a, b, motion, iterations, epsilon, blur, start = [1, 0, 0, 0, 1, 0, 0, 0, 1] }) {
      const [first, second] = [a, b].map((image) => scope.image(toGray(image)))
      const initial = aboutPoint(start, -0.5, -0.5)
      const rows = motion === 'homography' ? 3 : 2
      const matrix = scope.numbers(rows, 3, initial.slice(0, 3 * rows), 'CV_32FC1')
      const flags = scope.constant('TermCriteria_COUNT') + scope.constant('TermCriteria_EPS')
      const criteria = scope.build('TermCriteria', flags, iterations, epsilon)
      const correlation = scope.call<number>('findTransformECC', first, second, matrix, motions[motion], criteria, scope.mat(), blur)
      const found = [...matrix.data32F, 0, 0, 1].slice(0, 9)
      return { matrix: normalised(aboutPoint(found, 0.5, 0.5)), correlation }
    },
  }),
}

type Found = ReturnType<typeof findFeatures>

interface NativeMatch {
  readonly queryIdx: number
  readonly trainIdx: number
  readonly distance: number
}

interface Matcher extends Native {
  knnMatch(a: Mat, b: Mat, matches: NativeVector<NativeVector<NativeMatch>>, k: number): void
}

function checkFit(name: string, options: FitPoints, least: number): void {
  checkPoints(`${name}.from`, options.from, least)
  checkPoints(`${name}.to`, options.to, least)
  if (options.from.length !== options.to.length)
    refuse(`${name}.to`, `${options.from.length / 2} points, as in from`, options.to.length / 2)
  checkOneOf(`${name}.method`, options.method, Object.keys(robustMethods) as RobustMethod[])
  checkNumber(`${name}.threshold`, options.threshold, 1e-6)
  checkNumber(`${name}.confidence`, options.confidence, 0.01, 0.999999)
  checkInteger(`${name}.iterations`, options.iterations, 1, 1_000_000)
}

function flags(mask: Mat, count: number): boolean[] {
  return Array.from({ length: count }, (_, i) => mask.rows === 0 || mask.data[i] !== 0)
}

/** A homography means the same times any number: the last element is made 1 where it can be. */
function normalised(matrix: readonly number[]): number[] {
  const last = matrix[8]!
  return Math.abs(last) < 1e-12 ? [...matrix] : matrix.map((value) => value / last)
}

/** Four points of which three lie on a line are the corners of no picture: no homography, or one that flattens it, leads there. */
function checkCorners(field: string, points: readonly number[]): void {
  const at = (i: number) => [points[2 * i]!, points[2 * i + 1]!] as const
  for (let left = 0; left < 4; left++) {
    const [a, b, c] = [0, 1, 2, 3].filter((i) => i !== left).map(at) as [Point, Point, Point]
    const [ab, ac] = [[b[0] - a[0], b[1] - a[1]] as const, [c[0] - a[0], c[1] - a[1]] as const]
    const [length, other] = [Math.hypot(...ab), Math.hypot(...ac)]
    if (!(Math.abs(ab[0] * ac[1] - ab[1] * ac[0]) > 1e-9 * length * other)) refuse(field, 'four points, no three of them on a line', points)
  }
}

type Point = readonly [x: number, y: number]
