// Affine maps of the picture: a stated rotation, a stated map, a random one.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { type Matrix3, movePoint } from '../../vision/geometry/matrix.ts'
import type { WarpInterpolation } from '../../vision/geometry/warp.ts'
import type { Rgb } from '../../vision/image.ts'
import { checkColor, checkNumber, checkPair, checkRange, checkWarp, invalid, optionsOf } from './parameters.ts'
import { type Step, warpStep } from './step.ts'

/** What all maps that resample have. */
export interface Resampling {
  /** Default `bilinear`. */
  readonly interpolation: WarpInterpolation
  /** The colour of what lies outside the picture. Default black. */
  readonly fill: Rgb
}

export interface Rotate extends Resampling {
  readonly kind: 'rotate'
  /** Counter-clockwise. */
  readonly degrees: number
  /** The canvas grows so that nothing is cut off. */
  readonly expand: boolean
  /** The point that stays, in pixels; undefined for the middle. */
  readonly center?: readonly [x: number, y: number]
}

export interface AffineMap {
  /** Clockwise. */
  readonly degrees: number
  /** Pixels to the right and down. */
  readonly translate: readonly [x: number, y: number]
  readonly scale: number
  /** Degrees along x and along y. */
  readonly shear: readonly [x: number, y: number]
  /** The point that stays but for `translate`, in pixels; undefined for the middle. */
  readonly center?: readonly [x: number, y: number]
}

export interface Affine extends AffineMap, Resampling {
  readonly kind: 'affine'
}

export interface RandomAffine extends Resampling {
  readonly kind: 'randomAffine'
  /** The angle is drawn from -degrees to degrees. */
  readonly degrees: number
  /** The most by which the picture is shifted either way, in parts of its width and height. */
  readonly translate: readonly [x: number, y: number]
  readonly scale: readonly [low: number, high: number]
  /** The most by which it is sheared either way along x and y, in degrees. */
  readonly shear: readonly [x: number, y: number]
}

/** The shared options, checked, with their defaults. */
export function checkResampling({ interpolation = 'bilinear', fill = [0, 0, 0] }: Partial<Resampling>): Resampling {
  return { interpolation: checkWarp(interpolation), fill: checkColor('fill', fill) }
}

export type RotateOptions = Partial<Omit<Rotate, 'kind' | 'degrees'>>

/**
 * Rotates counter-clockwise. Equal to torchvision's `rotate` on PIL images of grey or RGB: nearest byte for byte, bilinear within 1 of 255 (one
 * byte in 100,000 differs, by rounding of positions).
 */
export function rotate(degrees: number, options: RotateOptions = {}): Rotate {
  const { expand = false, center, ...rest } = optionsOf('rotate', options, ['expand', 'center', 'interpolation', 'fill'])
  if (typeof expand !== 'boolean') throw invalid('expand', 'true or false', expand)
  const params = { kind: 'rotate', degrees: checkNumber('degrees', degrees, -36_000, 36_000), expand, ...checkResampling(rest) } as const
  return center === undefined ? params : { ...params, center: checkPair('center', center, -65_536, 65_536) }
}

/**
 * Shears, scales, rotates about the centre and shifts, in this order; what is not given does nothing. Equal to torchvision's `affine` on PIL
 * images of grey or RGB: nearest byte for byte, bilinear within 1 of 255 (fewer than one byte in 50,000 differs, by rounding of positions).
 */
export function affine(options: Partial<AffineMap & Resampling>): Affine {
  if (typeof options !== 'object' || options === null) throw invalid('affine', 'an object such as { degrees: 10 }', options)
  const { degrees = 0, translate = [0, 0], scale = 1, shear = [0, 0], center } = options
  const params = {
    kind: 'affine',
    degrees: checkNumber('degrees', degrees, -36_000, 36_000),
    translate: checkPair('translate', translate, -65_536, 65_536),
    scale: checkNumber('scale', scale, 1e-3, 1e3),
    shear: checkPair('shear', shear, -89, 89),
    ...checkResampling(options),
  } as const
  return center === undefined ? params : { ...params, center: checkPair('center', center, -65_536, 65_536) }
}

export type RandomAffineOptions = Partial<Omit<RandomAffine, 'kind'>>

/** A random affine map about the middle: `degrees` either way, `translate` in parts of the picture, `scale` low and high, `shear` in degrees. */
export function randomAffine(options: RandomAffineOptions): RandomAffine {
  if (typeof options !== 'object' || options === null) throw invalid('randomAffine', 'an object such as { degrees: 10 }', options)
  const { degrees = 0, translate = [0, 0], scale = [1, 1], shear = [0, 0] } = options
  return {
    kind: 'randomAffine',
    degrees: checkNumber('degrees', degrees, 0, 180),
    translate: checkPair('translate', translate, 0, 1),
    scale: checkRange('scale', scale, 1e-2, 100),
    shear: checkPair('shear', shear, 0, 89),
    ...checkResampling(options),
  }
}

export function drawRotate({ degrees, expand, center, interpolation, fill }: Rotate, from: PictureSize): Step[] {
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180
  // Fifteen decimals make quarter turns exact.
  const [cos, sin] = [Number(Math.cos(angle).toFixed(15)), Number(Math.sin(angle).toFixed(15))]
  // A quarter turn that may change the sides moves pixels onto pixels, where turning about the middle would be half a pixel off for one odd side.
  if (expand && cos === 0 && center === undefined) {
    const turn: Matrix3 = sin < 0 ? [0, -1, from.width, 1, 0, 0, 0, 0, 1] : [0, 1, 0, -1, 0, from.height, 0, 0, 1]
    return [warpStep(from, { width: from.height, height: from.width }, turn, interpolation, fill)]
  }
  const [cx, cy] = center ?? [from.width / 2, from.height / 2]
  const linear: Matrix3 = [cos, sin, 0, -sin, cos, 0, 0, 0, 1]
  const [dx, dy] = movePoint(linear, -cx, -cy)
  let inverse: Matrix3 = [cos, sin, dx + cx, -sin, cos, dy + cy, 0, 0, 1]
  let to: PictureSize = { width: from.width, height: from.height }
  if (expand) {
    const corners = [0, from.width].flatMap((x) => [0, from.height].map((y) => movePoint(inverse, x, y)))
    const extent = (axis: 0 | 1) => {
      const values = corners.map((corner) => corner[axis])
      return Math.ceil(Math.max(...values)) - Math.floor(Math.min(...values))
    }
    to = { width: extent(0), height: extent(1) }
    const [x, y] = movePoint(inverse, -(to.width - from.width) / 2, -(to.height - from.height) / 2)
    inverse = [cos, sin, x, -sin, cos, y, 0, 0, 1]
  }
  return [warpStep(from, to, inverse, interpolation, fill)]
}

export function drawAffine(map: Affine, from: PictureSize): Step[] {
  return [warpStep(from, from, inverseOf(map, from), map.interpolation, map.fill)]
}

export function drawRandomAffine(
  { degrees, translate, scale, shear, interpolation, fill }: RandomAffine,
  from: PictureSize,
  random: Random,
): Step[] {
  const either = (most: number) => random.uniform(-most, most)
  const map: AffineMap = {
    degrees: either(degrees),
    translate: [Math.round(either(translate[0] * from.width)), Math.round(either(translate[1] * from.height))],
    scale: random.uniform(...scale),
    shear: [either(shear[0]), either(shear[1])],
  }
  return [warpStep(from, from, inverseOf(map, from), interpolation, fill)]
}

/** From points of the new picture to points of the old: the map is shift * centre * rotation * scale * shear y * shear x * centre back. */
function inverseOf({ degrees, translate: [tx, ty], scale, shear, center }: AffineMap, { width, height }: PictureSize): Matrix3 {
  const radians = (value: number) => value * (Math.PI / 180)
  const [angle, sx, sy] = [radians(degrees), radians(shear[0]), radians(shear[1])]
  const [cx, cy] = center ?? [width * 0.5, height * 0.5]
  const a = Math.cos(angle - sy) / Math.cos(sy)
  const b = (-Math.cos(angle - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(angle)
  const c = Math.sin(angle - sy) / Math.cos(sy)
  const d = (-Math.sin(angle - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(angle)
  // The determinant of rotation and shears is 1, so the inverse needs no division but by the scale.
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale]
  const x = m0 * (-cx - tx) + m1 * (-cy - ty) + cx
  const y = m3 * (-cx - tx) + m4 * (-cy - ty) + cy
  return [m0, m1, x, m3, m4, y, 0, 0, 1]
}
