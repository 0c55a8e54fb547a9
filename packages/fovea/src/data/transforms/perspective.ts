// Perspective: four corners go to four other places.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { invert3, type Matrix3, multiply3, type Point } from '../../vision/geometry/matrix.ts'
import { checkResampling, type Resampling } from './affine.ts'
import { checkNumber, checkPair, invalid, optionsOf } from './parameters.ts'
import { type Step, warpStep } from './step.ts'

export type FourPoints = readonly [Point, Point, Point, Point]

export interface Perspective extends Resampling {
  readonly kind: 'perspective'
  /** Four points of the picture, in pixels. */
  readonly from: FourPoints
  /** Where they go. */
  readonly to: FourPoints
}

export interface RandomPerspective extends Resampling {
  readonly kind: 'randomPerspective'
  /** How far corners are drawn inwards: 0 not at all, 1 up to the middle. */
  readonly distortion: number
  /** 0 to 1. */
  readonly probability: number
}

/**
 * Moves the points `from` to `to`. Equal to torchvision's `perspective` on PIL images of grey or RGB, byte for byte where the coefficients,
 * kept in float32 as there, agree to the last bit (they did in all of 50 random maps), else bilinear within 1 of 255.
 * @throws DATA_TRANSFORM_INVALID where three of the points lie on one line
 */
export function perspective(options: Pick<Perspective, 'from' | 'to'> & Partial<Resampling>): Perspective {
  if (typeof options !== 'object' || options === null) throw invalid('perspective', 'an object such as { from, to }', options)
  const { from, to, ...rest } = options
  const points = { from: checkPoints('from', from), to: checkPoints('to', to) }
  if (!isReversible(inverseOf(points.from, points.to)))
    throw invalid('perspective', 'four corners of which no three lie on one line', points)
  return { kind: 'perspective', ...points, ...checkResampling(rest) }
}

export type RandomPerspectiveOptions = Partial<Omit<RandomPerspective, 'kind'>>

/** Draws the four corners inwards by random amounts, with the given probability; both default to 0.5. */
export function randomPerspective(options: RandomPerspectiveOptions = {}): RandomPerspective {
  const {
    distortion = 0.5,
    probability = 0.5,
    ...rest
  } = optionsOf('randomPerspective', options, ['distortion', 'probability', 'interpolation', 'fill'])
  return {
    kind: 'randomPerspective',
    distortion: checkNumber('distortion', distortion, 0, 1),
    probability: checkNumber('probability', probability, 0, 1),
    ...checkResampling(rest),
  }
}

export function drawPerspective({ from, to, interpolation, fill }: Perspective, size: PictureSize): Step[] {
  return [warpStep(size, size, inverseOf(from, to), interpolation, fill)]
}

export function drawRandomPerspective(
  { distortion, probability, interpolation, fill }: RandomPerspective,
  size: PictureSize,
  random: Random,
): Step[] {
  if (!random.chance(probability)) return []
  const { width, height } = size
  const boundX = Math.trunc(distortion * Math.floor(width / 2)) + 1
  const boundY = Math.trunc(distortion * Math.floor(height / 2)) + 1
  const [left, right] = [() => random.integer(0, boundX), () => random.integer(width - boundX, width)]
  const [top, bottom] = [() => random.integer(0, boundY), () => random.integer(height - boundY, height)]
  const from: FourPoints = [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ]
  const to: FourPoints = [
    [left(), top()],
    [right(), top()],
    [right(), bottom()],
    [left(), bottom()],
  ]
  const inverse = inverseOf(from, to)
  // Pictures of a pixel or two have no four corners.
  return isReversible(inverse) ? [warpStep(size, size, inverse, interpolation, fill)] : []
}

/** From points of the new picture to points of the old, rounded to float32 as torchvision keeps it. */
function inverseOf(from: FourPoints, to: FourPoints): Matrix3 {
  const matrix = multiply3(basis(from), invert3(basis(to)))
  return matrix.map((value) => Math.fround(value / matrix[8]!))
}

function isReversible(matrix: Matrix3): boolean {
  return matrix.every(Number.isFinite) && invert3(matrix).every(Number.isFinite)
}

/** The map that takes the three unit vectors and (1, 1, 1) to the four points. */
function basis([a, b, c, d]: FourPoints): Matrix3 {
  const columns: Matrix3 = [a[0], b[0], c[0], a[1], b[1], c[1], 1, 1, 1]
  const inverse = invert3(columns)
  const weights = [0, 3, 6].map((row) => inverse[row]! * d[0] + inverse[row + 1]! * d[1] + inverse[row + 2]!)
  return columns.map((value, i) => value * weights[i % 3]!)
}

function checkPoints(field: string, value: unknown): FourPoints {
  if (!Array.isArray(value) || value.length !== 4) throw invalid(field, 'four points [x, y]', value)
  return value.map((point) => checkPair(field, point, -65_536, 65_536)) as unknown as FourPoints
}
