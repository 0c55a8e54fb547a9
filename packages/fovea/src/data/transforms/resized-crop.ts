// A random part of the picture, stretched to a fixed size (Szegedy et al. 2015, section 6).

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import type { Interpolation } from '../../vision/preprocessing.ts'
import { checkInterpolation, checkRange, checkSize, optionsOf, type Size } from './parameters.ts'
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
