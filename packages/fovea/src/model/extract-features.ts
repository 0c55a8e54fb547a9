// Features of pictures: what a model holds at any layer. Only what leads there is run.

import type { DataType } from '../graph/data-type.ts'
import { Tensor, type TypedArray } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import type { Placement } from '../vision/placement.ts'

export interface Features {
  /** As it was asked for. */
  readonly layer: string
  /** The value of the graph that it is. */
  readonly value: string
  readonly dtype: DataType
  /** The number of pictures first. */
  readonly shape: readonly number[]
  /** Row-major. */
  readonly data: TypedArray
  /** For maps: how many pixels of the model's input lie in one step of the map. */
  readonly stride?: number
  /** Where each picture lies in the model's input. */
  readonly placements: readonly Placement[]
}

/** Puts the batches of a layer behind one another. @throws FoveaError MODEL_LAYER where they do not fit */
export function joinBatches(layer: string, parts: readonly Tensor[], counts: readonly number[]): Tensor {
  const [first] = parts
  if (parts.length === 1) return first!
  const fits = parts.every(({ dims }, i) => dims[0] === counts[i] && `${dims.slice(1)}` === `${first!.dims.slice(1)}`)
  if (!fits)
    throw new FoveaError('MODEL_LAYER', {
      field: layer,
      expected: 'a layer that gives the same shape for every picture, the batch first',
      found: parts.map(({ dims }) => `[${dims}]`).join(', '),
      remedy: 'Give the pictures one at a time.',
    })
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part.bytes, at)
    at += part.bytes.length
  }
  return new Tensor(first!.dtype, [counts.reduce((sum, count) => sum + count, 0), ...first!.dims.slice(1)], bytes)
}

/** Pixels of the input in one step of a map; undefined where the two sides differ or it is no map. */
export function strideOf(shape: readonly number[], size: readonly number[]): number | undefined {
  if (shape.length !== 4 || shape[2] === 0) return undefined
  const [high, wide] = [size[0]! / shape[2]!, size[1]! / shape[3]!]
  return Math.round(high) === Math.round(wide) ? Math.round(high) : undefined
}
