// Maps of features made visible: how strong a place is, its main directions as colours, single channels.

import { FoveaError } from '../util/errors.ts'
import { createImage, type Image } from './image.ts'
import type { Grid } from './placement.ts'
import { principalComponents } from './principal-components.ts'

/** The features of one picture: [channels, height, width]. */
export interface FeatureMap {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly data: Float32Array
}

/**
 * One picture's map out of features [N, C, H, W], or of a transformer's tokens [N, T, C] that lie in a square, behind a class token or not.
 *
 * @throws FoveaError DRAWING_INVALID where the features are no map
 */
export function featureMapOf(
  features: { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> },
  index = 0,
): FeatureMap {
  const { shape, data } = features
  const fail = (expected: string, found: string): never => {
    throw new FoveaError('DRAWING_INVALID', { field: 'features', expected, found })
  }
  if (!(Number.isInteger(index) && index >= 0 && index < (shape[0] ?? 0)))
    return fail(`a picture from 0 to ${(shape[0] ?? 0) - 1}`, `${index}`)
  const size = shape.slice(1).reduce((product, dim) => product * dim, 1)
  const values = Float32Array.from({ length: size }, (_, i) => Number(data[index * size + i]))
  if (!values.every(Number.isFinite)) return fail('finite values', 'others')
  if (shape.length === 4 && size > 0) return { channels: shape[1]!, height: shape[2]!, width: shape[3]!, data: values }
  const [, tokens = 0, channels = 0] = shape
  const side = Math.floor(Math.sqrt(tokens))
  const skipped = tokens - side * side
  if (shape.length !== 3 || side < 2 || skipped > 1)
    return fail('a map [N, C, H, W], or tokens [N, T, C] that lie in a square', `[${shape}]`)
  const planar = new Float32Array(channels * side * side)
  for (let t = 0; t < side * side; t++)
    for (let c = 0; c < channels; c++) planar[c * side * side + t] = values[(t + skipped) * channels + c]!
  return { channels, height: side, width: side, data: planar }
}

/** Mean size of the channels' values at each place, from 0 for the weakest to 1 for the strongest. */
export function activationOf({ channels, height, width, data }: FeatureMap): Grid {
  const plane = height * width
  const sums = new Float32Array(plane)
  for (let i = 0; i < channels * plane; i++) sums[i % plane] = sums[i % plane]! + Math.abs(data[i]!)
  return stretched({ height, width, data: sums })
}

/** One channel, from 0 for its lowest to 1 for its highest value. */
export function channelOf({ height, width, data }: FeatureMap, channel: number): Grid {
  return stretched({ height, width, data: data.slice(channel * height * width, (channel + 1) * height * width) })
}

/** The channels whose values differ most over the picture, most first. */
export function liveliestChannels({ channels, height, width, data }: FeatureMap, count: number): number[] {
  const plane = height * width
  const spread = Array.from({ length: channels }, (_, c) => {
    let [sum, squares] = [0, 0]
    for (let i = c * plane; i < (c + 1) * plane; i++) {
      sum += data[i]!
      squares += data[i]! ** 2
    }
    return squares / plane - (sum / plane) ** 2
  })
  return [...spread.keys()].sort((a, b) => spread[b]! - spread[a]! || a - b).slice(0, count)
}

/** The first three principal components of the channels as red, green and blue: places of one colour have like features. */
export function componentsOf({ channels, height, width, data }: FeatureMap): Image {
  const plane = height * width
  const rows = Float64Array.from({ length: plane * channels }, (_, i) => data[(i % channels) * plane + Math.floor(i / channels)]!)
  const { scores } = principalComponents(rows, plane, channels, 3)
  const count = scores.length / plane
  const image = createImage(width, height, 3)
  for (let k = 0; k < 3; k++) {
    const column = Float64Array.from({ length: plane }, (_, i) => (k < count ? scores[i * count + k]! : 0))
    // Outliers would leave the rest grey: the outer hundredths are cut off.
    const sorted = column.toSorted()
    const [low, high] = [sorted[Math.floor(plane * 0.01)]!, sorted[Math.min(plane - 1, Math.ceil(plane * 0.99))]!]
    const range = high - low
    for (let i = 0; i < plane; i++)
      image.data[i * 3 + k] = range > 1e-12 ? Math.round(255 * Math.min(1, Math.max(0, (column[i]! - low) / range))) : 128
  }
  return image
}

/** Features as one row a picture: maps are averaged over their places. */
export function pooledRow(shape: readonly number[], data: ArrayLike<number | bigint>, index: number): Float32Array {
  const size = shape.slice(1).reduce((product, dim) => product * dim, 1)
  const at = (i: number) => Number(data[index * size + i])
  // Tokens [N, T, C] carry their channels last.
  const [channels, places, stepC, stepP] =
    shape.length === 3
      ? [shape[2]!, shape[1]!, 1, shape[2]!]
      : shape.length > 3
        ? [shape[1]!, size / shape[1]!, size / shape[1]!, 1]
        : [size, 1, 1, 1]
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0
    for (let p = 0; p < places; p++) sum += at(c * stepC + p * stepP)
    return sum / places
  })
}

function stretched({ height, width, data }: Grid): Grid {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of data) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const range = high - low
  return { height, width, data: data.map((value) => (range > 1e-12 ? (value - low) / range : 0)) }
}
