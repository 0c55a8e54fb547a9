// Where pixels go: sizes, turns, warps, lens distortion.

import { aboutPoint } from '../../../vision/geometry/matrix.ts'
import { checkArea, checkInteger, checkNumbers, checkOneOf, refuse } from '../check.ts'
import { type Camera, checkCamera } from '../functions/camera.ts'
import type { Mat } from '../library.ts'
import type { MatScope } from '../mat-scope.ts'
import { step } from '../step.ts'

const interpolations = {
  nearest: 'INTER_NEAREST',
  linear: 'INTER_LINEAR',
  cubic: 'INTER_CUBIC',
  area: 'INTER_AREA',
  lanczos: 'INTER_LANCZOS4',
} as const

export type Interpolation = keyof typeof interpolations

const borders = { constant: 'BORDER_CONSTANT', replicate: 'BORDER_REPLICATE', reflect: 'BORDER_REFLECT_101', wrap: 'BORDER_WRAP' } as const

/** What lies outside the picture: one colour, its last pixel, itself mirrored, itself again. */
export type Border = keyof typeof borders

export interface Warp {
  readonly matrix: readonly number[]
  readonly width?: number | undefined
  readonly height?: number | undefined
  readonly interpolation: Interpolation
  readonly border: Border
  readonly fill: readonly number[]
}

const turns = { 90: 'ROTATE_90_CLOCKWISE', 180: 'ROTATE_180', 270: 'ROTATE_90_COUNTERCLOCKWISE' } as const
const flips = { horizontal: 1, vertical: 0, both: -1 } as const

export type FlipDirection = keyof typeof flips

export const geometrySteps = {
  resize: step<{ readonly width: number; readonly height: number; readonly interpolation: Interpolation }>({
    check({ width, height, interpolation }, shape) {
      checkInteger('resize.width', width, 1)
      checkInteger('resize.height', height, 1)
      checkArea('resize', width, height)
      checkOneOf('resize.interpolation', interpolation, names(interpolations))
      return { ...shape, width, height }
    },
    apply(scope, source, { width, height, interpolation }) {
      const out = scope.mat()
      scope.call('resize', source, out, scope.size(width, height), 0, 0, scope.constant(interpolations[interpolation]))
      return out
    },
  }),

  crop: step<{ readonly x: number; readonly y: number; readonly width: number; readonly height: number }>({
    check({ x, y, width, height }, shape) {
      checkInteger('crop.x', x, 0, shape.width - 1)
      checkInteger('crop.y', y, 0, shape.height - 1)
      checkInteger('crop.width', width, 1, shape.width - x)
      checkInteger('crop.height', height, 1, shape.height - y)
      return { ...shape, width, height }
    },
    apply: (scope, source, { x, y, width, height }) => scope.whole(scope.keep(source.roi({ x, y, width, height }))),
  }),

  flip: step<{ readonly direction: FlipDirection }>({
    check({ direction }, shape) {
      checkOneOf('flip.direction', direction, names(flips))
      return shape
    },
    apply(scope, source, { direction }) {
      const out = scope.mat()
      scope.call('flip', source, out, flips[direction])
      return out
    },
  }),

  rotate: step<{ readonly degrees: 90 | 180 | 270 }>({
    check({ degrees }, shape) {
      checkOneOf('rotate.degrees', degrees, [90, 180, 270])
      return degrees === 180 ? shape : { ...shape, width: shape.height, height: shape.width }
    },
    apply(scope, source, { degrees }) {
      const out = scope.mat()
      scope.call('rotate', source, out, scope.constant(turns[degrees]))
      return out
    },
  }),

  warpAffine: step<Warp>({
    check: (options, shape) => checkWarp('warpAffine', options, shape, 6),
    apply(scope, source, options) {
      const matrix = aboutPoint([...options.matrix, 0, 0, 1], -0.5, -0.5)
      return warped(scope, 'warpAffine', source, scope.numbers(2, 3, matrix.slice(0, 6)), options)
    },
  }),

  warpPerspective: step<Warp>({
    check: (options, shape) => checkWarp('warpPerspective', options, shape, 9),
    apply: (scope, source, options) =>
      warped(scope, 'warpPerspective', source, scope.numbers(3, 3, aboutPoint(options.matrix, -0.5, -0.5)), options),
  }),

  undistort: step<{ readonly camera: Camera }>({
    check({ camera }, shape) {
      checkCamera('undistort.camera', camera)
      return shape
    },
    apply(scope, source, { camera }) {
      const out = scope.mat()
      const { matrix, distortion } = camera
      scope.call('undistort', source, out, scope.numbers(3, 3, matrix), scope.numbers(1, distortion.length, distortion))
      return out
    },
  }),
}

function checkWarp<S extends { width: number; height: number; channels: 1 | 3 }>(name: string, options: Warp, shape: S, length: number): S {
  const { matrix, width = shape.width, height = shape.height, interpolation, border, fill } = options
  checkNumbers(`${name}.matrix`, matrix, length)
  checkInteger(`${name}.width`, width, 1)
  checkInteger(`${name}.height`, height, 1)
  checkArea(name, width, height)
  checkOneOf(`${name}.interpolation`, interpolation, names(interpolations))
  if (interpolation === 'area') refuse(`${name}.interpolation`, 'nearest, linear, cubic or lanczos', interpolation)
  checkOneOf(`${name}.border`, border, names(borders))
  checkNumbers(`${name}.fill`, fill)
  if (fill.length !== 1 && fill.length !== shape.channels) refuse(`${name}.fill`, `1 or ${shape.channels} numbers`, fill)
  return { ...shape, width, height }
}

function warped(scope: MatScope, name: string, source: Mat, matrix: Mat, options: Warp): Mat {
  const { width = source.cols, height = source.rows, interpolation, border, fill } = options
  const out = scope.mat()
  const color = fill.length === 1 ? scope.scalar(fill[0]!, fill[0]!, fill[0]!) : scope.scalar(...fill)
  const how = scope.constant(interpolations[interpolation])
  scope.call(name, source, out, matrix, scope.size(width, height), how, scope.constant(borders[border]), color)
  return out
}

function names<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[]
}
