// Random mirror images; equal to torchvision's `horizontal_flip` and `vertical_flip` byte for byte.

import type { Random } from '../../util/random.ts'
import { geometryOf, type PictureSize } from '../../vision/geometry/geometry.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { checkNumber } from './parameters.ts'
import type { Step } from './step.ts'

export interface RandomHorizontalFlip {
  readonly kind: 'randomHorizontalFlip'
  /** 0 to 1. */
  readonly probability: number
}

export interface RandomVerticalFlip {
  readonly kind: 'randomVerticalFlip'
  /** 0 to 1. */
  readonly probability: number
}

/** Mirrors left and right with the given probability, default 0.5. */
export function randomHorizontalFlip(probability = 0.5): RandomHorizontalFlip {
  return { kind: 'randomHorizontalFlip', probability: checkNumber('probability', probability, 0, 1) }
}

/** Mirrors top and bottom with the given probability, default 0.5. */
export function randomVerticalFlip(probability = 0.5): RandomVerticalFlip {
  return { kind: 'randomVerticalFlip', probability: checkNumber('probability', probability, 0, 1) }
}

export function drawFlip({ kind, probability }: RandomHorizontalFlip | RandomVerticalFlip, from: PictureSize, random: Random): Step[] {
  if (!random.chance(probability)) return []
  const { width, height } = from
  if (kind === 'randomHorizontalFlip')
    return [{ geometry: geometryOf(from, from, [-1, 0, width, 0, 1, 0, 0, 0, 1]), apply: flipHorizontal, merge: { kind: 'mirrorX' } }]
  return [{ geometry: geometryOf(from, from, [1, 0, 0, 0, -1, height, 0, 0, 1]), apply: flipVertical, merge: { kind: 'mirrorY' } }]
}

export function flipHorizontal(image: Image): Image {
  const { width, height, channels, data } = image
  const out = createImage(width, height, channels, undefined, image.source)
  let to = 0
  for (let y = 0; y < height; y++) {
    for (let x = width - 1; x >= 0; x--) {
      const from = (y * width + x) * channels
      for (let c = 0; c < channels; c++) out.data[to++] = data[from + c]!
    }
  }
  return out
}

export function flipVertical(image: Image): Image {
  const { width, height, channels, data } = image
  const out = createImage(width, height, channels, undefined, image.source)
  const row = width * channels
  for (let y = 0; y < height; y++) out.data.set(data.subarray((height - 1 - y) * row, (height - y) * row), y * row)
  return out
}
