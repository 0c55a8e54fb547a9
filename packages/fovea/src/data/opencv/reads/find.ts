// Where something is: lines, circles, corners, templates, features.

import type { Box, Polygon } from '../../../vision/annotation.ts'
import type { Image } from '../../../vision/image.ts'
import { checkGray, checkImage, checkInteger, checkNumber, checkOdd, checkOneOf, refuse } from '../check.ts'
import { checkFeatures, type FeatureOptions, findFeatures, type ImageFeatures } from '../features.ts'
import { polygonOf } from '../outline.ts'
import { reading } from '../step.ts'

/** All points with x cos(theta) + y sin(theta) = rho. */
export interface HoughLine {
  readonly rho: number
  /** Radians. */
  readonly theta: number
}

export interface LineSegment {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

export interface Circle {
  readonly x: number
  readonly y: number
  readonly radius: number
}

export interface TemplateMatch {
  /** Where the template lies. */
  readonly box: Box
  /** By the method: correlations are best at 1, squared differences at 0. */
  readonly score: number
}

const templateMethods = {
  correlation: 'TM_CCOEFF_NORMED',
  crossCorrelation: 'TM_CCORR_NORMED',
  squaredDifference: 'TM_SQDIFF_NORMED',
} as const

export type TemplateMethod = keyof typeof templateMethods

export interface FindTemplate {
  readonly template: Image
  readonly method: TemplateMethod
  readonly count: number
  readonly limit?: number | undefined
}

export interface FindSegments {
  readonly rho: number
  readonly theta: number
  readonly votes: number
  readonly minLength: number
  readonly maxGap: number
}

export interface FindCircles {
  readonly minDistance: number
  readonly edge: number
  readonly votes: number
  readonly minRadius: number
  readonly maxRadius: number
  readonly scale: number
}

export const findReads = {
  lines: reading<{ readonly rho: number; readonly theta: number; readonly votes: number }, HoughLine[]>({
    check({ rho, theta, votes }, shape) {
      checkLineOptions('lines', rho, theta, votes)
      checkGray('lines', shape)
    },
    read(scope, source, { rho, theta, votes }) {
      const out = scope.mat()
      scope.call('HoughLines', source, out, rho, theta, votes)
      const values = Array.from(out.rows === 0 ? [] : out.data32F)
      return pairs(values).map(([distance, angle]) => ({
        rho: distance + 0.5 * (Math.cos(angle) + Math.sin(angle)),
        theta: angle,
      }))
    },
  }),

  segments: reading<FindSegments, LineSegment[]>({
    check({ rho, theta, votes, minLength, maxGap }, shape) {
      checkLineOptions('segments', rho, theta, votes)
      checkNumber('segments.minLength', minLength, 0)
      checkNumber('segments.maxGap', maxGap, 0)
      checkGray('segments', shape)
    },
    read(scope, source, { rho, theta, votes, minLength, maxGap }) {
      const out = scope.mat()
      scope.call('HoughLinesP', source, out, rho, theta, votes, minLength, maxGap)
      const values = out.rows === 0 ? [] : polygonOf(out)
      return Array.from({ length: values.length / 4 }, (_, i) => {
        const [x1, y1, x2, y2] = values.slice(4 * i) as [number, number, number, number]
        return { x1, y1, x2, y2 }
      })
    },
  }),

  circles: reading<FindCircles, Circle[]>({
    check({ minDistance, edge, votes, minRadius, maxRadius, scale }, shape) {
      checkInteger('circles.minRadius', minRadius, 0)
      checkInteger('circles.maxRadius', maxRadius, Math.max(1, minRadius))
      checkNumber('circles.minDistance', minDistance, 1)
      checkNumber('circles.edge', edge, 1)
      checkNumber('circles.votes', votes, 1)
      checkNumber('circles.scale', scale, 1)
      checkGray('circles', shape)
    },
    read(scope, source, { minDistance, edge, votes, minRadius, maxRadius, scale }) {
      const out = scope.mat()
      scope.call('HoughCircles', source, out, scope.constant('HOUGH_GRADIENT'), scale, minDistance, edge, votes, minRadius, maxRadius)
      const { data32F } = out
      return Array.from({ length: out.cols * out.rows }, (_, i) => ({
        x: data32F[3 * i]! + 0.5,
        y: data32F[3 * i + 1]! + 0.5,
        radius: data32F[3 * i + 2]!,
      }))
    },
  }),

  corners: reading<{ readonly count: number; readonly quality: number; readonly minDistance: number; readonly size: number }, Polygon>({
    check({ count, quality, minDistance, size }, shape) {
      checkInteger('corners.count', count, 1, 1_000_000)
      checkNumber('corners.quality', quality, 1e-9, 1)
      checkNumber('corners.minDistance', minDistance, 0)
      checkOdd('corners.size', size, 1)
      checkGray('corners', shape)
    },
    read(scope, source, { count, quality, minDistance, size }) {
      const out = scope.mat()
      scope.call('goodFeaturesToTrack', source, out, count, quality, minDistance, scope.mat(), size)
      return out.rows === 0 ? [] : polygonOf(out)
    },
  }),

  template: reading<FindTemplate, TemplateMatch[]>({
    check({ template, method, count, limit }, shape) {
      const found = checkImage('template.template', template)
      if (found.channels !== shape.channels) refuse('template.template', `${shape.channels} channels, as the picture`, `${found.channels}`)
      if (found.width > shape.width || found.height > shape.height)
        refuse('template.template', `at most ${shape.width}x${shape.height}, as the picture`, `${found.width}x${found.height}`)
      checkOneOf('template.method', method, Object.keys(templateMethods) as TemplateMethod[])
      checkInteger('template.count', count, 1, 10_000)
      if (limit !== undefined) checkNumber('template.limit', limit)
    },
    read(scope, source, { template, method, count, limit }) {
      const out = scope.mat()
      scope.call('matchTemplate', source, scope.image(template), out, scope.constant(templateMethods[method]))
      return bestPlaces(out.data32F.slice(), out.cols, template, method === 'squaredDifference', count, limit)
    },
  }),

  features: reading<FeatureOptions, ImageFeatures>({
    check(options, shape) {
      checkFeatures('features', options)
      checkGray('features', shape)
    },
    read: (scope, source, options) => findFeatures(scope, source, options).plain,
  }),
}

/** The best places, none nearer to a better one than half a template along both axes. Where the picture is flat a score can be not a number. */
function bestPlaces(
  scores: Float32Array,
  columns: number,
  { width, height }: Image,
  lowest: boolean,
  count: number,
  limit?: number,
): TemplateMatch[] {
  const places: TemplateMatch[] = []
  const worst = lowest ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  const [apartX, apartY] = [Math.ceil(width / 2), Math.ceil(height / 2)]
  const rows = scores.length / columns
  while (places.length < count) {
    let best = -1
    let score = worst
    for (let i = 0; i < scores.length; i++)
      if (lowest ? scores[i]! < score : scores[i]! > score) {
        best = i
        score = scores[i]!
      }
    if (best < 0 || (limit !== undefined && (lowest ? score > limit : score < limit))) break
    const [x, y] = [best % columns, Math.floor(best / columns)]
    places.push({ box: { x1: x, y1: y, x2: x + width, y2: y + height }, score })
    for (let row = Math.max(0, y - apartY + 1); row < Math.min(rows, y + apartY); row++)
      scores.fill(worst, row * columns + Math.max(0, x - apartX + 1), row * columns + Math.min(columns, x + apartX))
  }
  return places
}

function checkLineOptions(name: string, rho: number, theta: number, votes: number): void {
  checkNumber(`${name}.rho`, rho, 0.01, 1000)
  checkNumber(`${name}.theta`, theta, 0.0001, Math.PI)
  checkInteger(`${name}.votes`, votes, 1, 1_000_000)
}

function pairs(values: readonly number[]): [number, number][] {
  return Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i]!, values[2 * i + 1]!])
}
