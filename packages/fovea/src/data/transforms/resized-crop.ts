// Random parts of the picture, brought to a fixed size: of any area and shape (Szegedy et al. 2015, section 6), or at one scale.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import type { Interpolation } from '../../vision/preprocessing.ts'
import { checkFill, checkInterpolation, checkRange, checkSize, checkSizeGiven, type Fill, optionsOf, type Size } from './parameters.ts'
import { resizeStep, type Step, windowStep } from './step.ts'

export interface RandomResizedCrop {
  readonly kind: 'randomResizedCrop'
  /** Undefined keeps the picture's size. */
  readonly size?: Size
  /** Part of the area that is kept, low and high. */
  readonly scale: readonly [number, number]
  /** Width / height of the part before stretching, low and high. */
  readonly ratio: readonly [number, number]
  readonly interpolation: Interpolation
}

export interface RandomScaledCrop {
  readonly kind: 'randomScaledCrop'
  /** Of the window. */
  readonly size: Size
  /** What the whole picture is made to fit before the window is cut. */
  readonly fit: Size
  /** What a window shows that is larger than the picture. */
  readonly fill: Fill
  readonly interpolation: Interpolation
}

export interface RandomScaledCropOptions {
  readonly fill?: Fill
  readonly interpolation?: Interpolation
}

export interface RandomResizedCropOptions {
  readonly scale?: readonly [number, number]
  readonly ratio?: readonly [number, number]
  readonly interpolation?: Interpolation
}

/** Takes a random rectangle of 8 to 100 % of the area and an aspect ratio of 3/4 to 4/3 (defaults), resized to `size`, bilinear. */
export function randomResizedCrop(size?: number | Size, options: RandomResizedCropOptions = {}): RandomResizedCrop {
  const {
    scale = [0.08, 1],
    ratio = [3 / 4, 4 / 3],
    interpolation = 'bilinear',
  } = optionsOf('randomResizedCrop', options, ['scale', 'ratio', 'interpolation'])
  const checked = checkSize('size', size)
  const params = {
    kind: 'randomResizedCrop',
    scale: checkRange('scale', scale, 1e-4, 1),
    ratio: checkRange('ratio', ratio, 1e-2, 100),
    interpolation: checkInterpolation(interpolation),
  } as const
  return checked === undefined ? params : { ...params, size: checked }
}

export function drawResizedCrop({ size, scale, ratio, interpolation }: RandomResizedCrop, from: PictureSize, random: Random): Step[] {
  const [top, left, height, width] = pickRectangle(from, scale, ratio, random)
  return [
    windowStep(from, top, left, height, width, 'reflect'),
    resizeStep({ width, height }, size?.[0] ?? from.height, size?.[1] ?? from.width, interpolation),
  ]
}

/**
 * A window of `size` out of the picture as it is once it fits `fit` (as `letterbox` scales it, but without its border): networks that look at large
 * pictures learn from parts of them, at the same scale. Bilinear; where the picture is smaller than the window it lies anywhere in it, on `fill`
 * (default grey 114).
 */
export function randomScaledCrop(size: number | Size, fit: number | Size, options: RandomScaledCropOptions = {}): RandomScaledCrop {
  const { fill = [114, 114, 114], interpolation = 'bilinear' } = optionsOf('randomScaledCrop', options, ['fill', 'interpolation'])
  return {
    kind: 'randomScaledCrop',
    size: checkSizeGiven('size', size),
    fit: checkSizeGiven('fit', fit),
    fill: checkFill('fill', fill),
    interpolation: checkInterpolation(interpolation),
  }
}

export function drawScaledCrop({ size, fit, fill, interpolation }: RandomScaledCrop, from: PictureSize, random: Random): Step[] {
  const scale = Math.min(fit[0] / from.height, fit[1] / from.width)
  const rows = scaledSpan(from.height, size[0], scale, random)
  const columns = scaledSpan(from.width, size[1], scale, random)
  return [
    windowStep(from, rows.begin, columns.begin, rows.length, columns.length, fill),
    resizeStep({ width: columns.length, height: rows.length }, rows.scaled, columns.scaled, interpolation),
    ...(rows.scaled === size[0] && columns.scaled === size[1]
      ? []
      : [windowStep({ width: columns.scaled, height: rows.scaled }, 0 - rows.before, 0 - columns.before, size[0], size[1], fill)]),
  ]
}

/** Along one side: what is cut out, how long it becomes, and how much lies before it where that is less than wanted. */
function scaledSpan(whole: number, wanted: number, scale: number, random: Random) {
  const length = Math.max(1, Math.round(wanted / scale))
  if (length <= whole) return { begin: random.integer(0, whole - length + 1), length, scaled: wanted, before: 0 }
  const scaled = Math.min(wanted, Math.max(1, Math.round(whole * scale)))
  return { begin: 0, length: whole, scaled, before: random.integer(0, wanted - scaled + 1) }
}

function pickRectangle(
  image: PictureSize,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Random,
): [number, number, number, number] {
  const area = image.width * image.height
  // Ten tries, then the largest centred rectangle of an allowed ratio: always ends, always inside.
  for (let attempt = 0; attempt < 10; attempt++) {
    const wanted = area * random.uniform(...scale)
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const width = Math.round(Math.sqrt(wanted * aspect))
    const height = Math.round(Math.sqrt(wanted / aspect))
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue
    return [random.integer(0, image.height - height + 1), random.integer(0, image.width - width + 1), height, width]
  }
  const aspect = Math.min(ratio[1], Math.max(ratio[0], image.width / image.height))
  const width = Math.max(1, Math.min(image.width, Math.round(image.height * aspect)))
  const height = Math.max(1, Math.min(image.height, Math.round(image.width / aspect)))
  return [(image.height - height) >> 1, (image.width - width) >> 1, height, width]
}
