// Random mirror images.

import type { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { checkNumber } from './parameters.ts'

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

export function applyFlip(image: Image, { kind, probability }: RandomHorizontalFlip | RandomVerticalFlip, random: Random): Image {
  if (!random.chance(probability)) return image
  return kind === 'randomHorizontalFlip' ? flipHorizontal(image) : flipVertical(image)
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
