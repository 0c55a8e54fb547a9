// Resizing: to a size, by the shorter side, or whole onto a canvas.

import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { createPreprocessing, type Interpolation } from '../../vision/preprocessing.ts'
import { planResize } from '../../vision/resize.ts'
import { checkFill, checkInterpolation, checkSizeGiven, checkWhole, type Fill, invalid, optionsOf, type Size } from './parameters.ts'
import { resizeStep, type Step, windowStep } from './step.ts'

export interface Resize {
  readonly kind: 'resize'
  /** The shorter side, or [height, width] whatever the aspect ratio. */
  readonly size: number | Size
  /** The most that the longer side may become, where `size` is the shorter. */
  readonly maxSize?: number
  readonly interpolation: Interpolation
}

export interface Letterbox {
  readonly kind: 'letterbox'
  readonly size: Size
  readonly fill: Fill
  readonly interpolation: Interpolation
}

export interface ResizeOptions {
  readonly maxSize?: number
  readonly interpolation?: Interpolation
}

/**
 * Resizes, antialiased, bilinear by default: one number sets the shorter side and keeps the aspect ratio, `maxSize` bounds the longer.
 * Equal to torchvision's `Resize` on PIL images, byte for byte (nearest, bilinear, bicubic, lanczos).
 */
export function resize(size: number | Size, options: ResizeOptions = {}): Resize {
  const { maxSize, interpolation = 'bilinear' } = optionsOf('resize', options, ['maxSize', 'interpolation'])
  const checked = typeof size === 'number' ? checkWhole('size', size, 1, 16_384) : checkSizeGiven('size', size)
  const params = { kind: 'resize', size: checked, interpolation: checkInterpolation(interpolation) } as const
  if (maxSize === undefined) return params
  if (typeof size !== 'number') throw invalid('maxSize', 'nothing, as size tells both sides', maxSize)
  return { ...params, maxSize: checkWhole('maxSize', maxSize, size + 1, 65_536) }
}

/**
 * The whole picture in the middle of a canvas of `size`, as large as fits, bilinear; the border is `fill` (default grey 114). The same pixels
 * as the preprocessing `letterbox` of a model gives.
 */
export function letterbox(size: number | Size, options: { readonly fill?: Fill; readonly interpolation?: Interpolation } = {}): Letterbox {
  const { fill = [114, 114, 114], interpolation = 'bilinear' } = optionsOf('letterbox', options, ['fill', 'interpolation'])
  const checked = checkSizeGiven('size', size)
  return { kind: 'letterbox', size: checked, fill: checkFill('fill', fill), interpolation: checkInterpolation(interpolation) }
}

export function drawResize({ size, maxSize, interpolation }: Resize, from: PictureSize): Step[] {
  const [height, width] = typeof size === 'number' ? byShorterSide(from, size, maxSize) : size
  return [resizeStep(from, height, width, interpolation)]
}

export function drawLetterbox({ size, fill, interpolation }: Letterbox, from: PictureSize): Step[] {
  const { scaled, offset } = planResize(from.width, from.height, createPreprocessing({ size, resize: 'letterbox' }))
  return [
    resizeStep(from, scaled[0], scaled[1], interpolation),
    windowStep({ width: scaled[1], height: scaled[0] }, 0 - offset[0], 0 - offset[1], size[0], size[1], fill),
  ]
}

/** Parts of pixels are cut off, as torchvision does. */
function byShorterSide({ width, height }: PictureSize, size: number, maxSize = Infinity): Size {
  const [shorter, longer] = width <= height ? [width, height] : [height, width]
  let [short, long] = [size, Math.trunc((size * longer) / shorter)]
  if (long > maxSize) [short, long] = [Math.max(1, Math.trunc((maxSize * short) / long)), maxSize]
  if (long > 65_536) throw invalid('resize.size', 'sides of at most 65536 pixels after resizing; maxSize bounds the longer', [short, long])
  return width <= height ? [long, short] : [short, long]
}
