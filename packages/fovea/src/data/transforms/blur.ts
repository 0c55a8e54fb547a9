// Gaussian blur of a stated or a random width.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import type { Image } from '../../vision/image.ts'
import { checkRange, checkWhole, invalid, optionsOf, reflect } from './parameters.ts'
import { colorStep, type Step } from './step.ts'

export interface GaussianBlur {
  readonly kind: 'gaussianBlur'
  /** Side of the kernel in pixels, odd. */
  readonly kernelSize: number
  /** Standard deviation in pixels, drawn between the two. */
  readonly sigma: readonly [low: number, high: number]
}

/**
 * Blurs with a kernel of `kernelSize` x `kernelSize` pixels; `sigma` is one deviation or a range to draw from, default 0.1 to 2. The border is
 * mirrored. Within 1 of 255 of torchvision's `gaussian_blur`, which sums in float32.
 */
export function gaussianBlur(kernelSize: number, options: { readonly sigma?: number | GaussianBlur['sigma'] } = {}): GaussianBlur {
  const { sigma = [0.1, 2] } = optionsOf('gaussianBlur', options, ['sigma'])
  const size = checkWhole('kernelSize', kernelSize, 1, 255)
  if (size % 2 === 0) throw invalid('kernelSize', 'an odd number', kernelSize)
  return {
    kind: 'gaussianBlur',
    kernelSize: size,
    sigma: checkRange('sigma', typeof sigma === 'number' ? [sigma, sigma] : sigma, 1e-3, 1e3),
  }
}

export function drawBlur({ kernelSize, sigma }: GaussianBlur, _from: PictureSize, random: Random): Step[] {
  const weights = gaussian(kernelSize, random.uniform(...sigma))
  return [colorStep((image) => blur(image, weights))]
}

function gaussian(size: number, sigma: number): Float64Array {
  const middle = (size - 1) / 2
  const weights = Float64Array.from({ length: size }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * sigma * sigma)))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

/** Along rows into floats, then along columns. */
function blur(image: Image, weights: Float64Array): Image {
  const { width, height, channels, data } = image
  const reach = (weights.length - 1) / 2
  const row = width * channels
  const between = new Float32Array(data.length)
  for (let x = 0; x < width; x++) {
    const from = Array.from(weights, (_, k) => reflect(x + k - reach, width) * channels)
    for (let y = 0; y < height; y++)
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let k = 0; k < from.length; k++) sum += weights[k]! * data[y * row + from[k]! + c]!
        between[y * row + x * channels + c] = sum
      }
  }
  const out = new Uint8Array(data.length)
  for (let y = 0; y < height; y++) {
    const from = Array.from(weights, (_, k) => reflect(y + k - reach, height) * row)
    for (let i = 0; i < row; i++) {
      let sum = 0
      for (let k = 0; k < from.length; k++) sum += weights[k]! * between[from[k]! + i]!
      out[y * row + i] = Math.min(255, sum + 0.5)
    }
  }
  return { ...image, data: out }
}
