// Which inputs make which output of a resize, and with what weights: Pillow's, in 22-bit fixed point.

import type { Interpolation } from '../preprocessing.ts'

/** For each output position of a window: the first input sample, how many, and their weights scaled by 2^22. */
export interface Resampler {
  readonly taps: number
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
}

export const precision = 22
/** Rounds when the digits behind the point are cut off. */
export const half = 1 << (precision - 1)

const filters: Record<Exclude<Interpolation, 'nearest'>, { support: number; weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -0.5
  bicubic: {
    support: 2,
    weight: (x) => {
      const t = Math.abs(x)
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1
      return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
    },
  },
  lanczos3: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}

/** The weights of a window of `length` outputs from `begin` on, where `inSize` inputs become `outSize` outputs. */
export function resampler(
  inSize: number,
  outSize: number,
  interpolation: Exclude<Interpolation, 'nearest'>,
  begin: number,
  length: number,
): Resampler {
  const kernel = filters[interpolation]
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = kernel.support * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(length)
  const count = new Int32Array(length)
  const weights = new Int32Array(length * taps)
  const row = new Float64Array(taps)
  for (let i = 0; i < length; i++) {
    const center = (begin + i + 0.5) * scale
    const low = Math.max(0, Math.trunc(center - support + 0.5))
    const high = Math.min(inSize, Math.trunc(center + support + 0.5))
    let sum = 0
    for (let k = 0; k < high - low; k++) {
      row[k] = kernel.weight((k + low - center + 0.5) * (1 / stretch))
      sum += row[k]!
    }
    first[i] = low
    count[i] = high - low
    for (let k = 0; k < high - low; k++) {
      const weight = (sum === 0 ? row[k]! : row[k]! / sum) * (1 << precision)
      weights[i * taps + k] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5))
    }
  }
  return { taps, first, count, weights }
}
