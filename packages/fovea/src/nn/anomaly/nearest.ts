// How far patches lie from those of good pictures: k nearest neighbours as matrix products, and what follows of them for map and picture.

import { Tensor } from '../../graph/tensor.ts'
import type { Emitter } from '../emitter.ts'
import type { PatchGrid } from './patches.ts'

export interface NearestOptions {
  /** Neighbours whose distances are averaged. */
  readonly neighbours: number
  /** float, broadcast to [N, rows, bank]: added to the squared distances, so that some patches of the bank can be kept away. @default none */
  readonly penalty?: string
}

/**
 * The mean Euclidean distance to the k nearest rows of the bank, by |a|² + |b|² - 2ab.
 *
 * @param rows float [N, P, D]
 * @param bank float [M, D], M at least k
 * @returns float [N, P]
 */
export function emitNearest(
  e: Emitter,
  rows: string,
  bank: { readonly name: string; readonly data: Float32Array; readonly dims: readonly [number, number] },
  { neighbours, penalty }: NearestOptions,
): string {
  const { b } = e
  const [count, width] = bank.dims
  // Stored lying down, -2 times: what the product needs, so that no run transposes or scales it anew.
  const lying = new Float32Array(count * width)
  const squares = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let k = 0; k < width; k++) {
      const value = bank.data[i * width + k]!
      sum += value * value
      lying[k * count + i] = -2 * value
    }
    squares[i] = sum
  }
  const products = b.op('MatMul', [rows, b.weight(b.fresh(bank.name), Tensor.float32([width, count], lying))])
  const partial = e.add(products, b.weight(b.fresh(`${bank.name}_squares`), Tensor.float32([count], squares)))
  const kept = penalty === undefined ? partial : e.add(partial, penalty)
  // |a|² is the same for all of a row: it is added to the few that are left.
  const nearest =
    neighbours === 1
      ? b.op('ReduceMin', [kept, b.ints([2])], { keepdims: 1 })
      : b.ops('TopK', [kept, b.ints([neighbours])], 2, { axis: 2, largest: 0, sorted: 0 })[0]!
  const distances = b.op('Sqrt', [b.op('Relu', [e.add(nearest, e.sum(e.square(rows), [2]))])])
  return b.op('ReduceMean', [distances, b.ints([2])], { keepdims: 0 })
}

/** Weights of a Gaussian over whole cells to three deviations, of sum 1; a deviation of 0 is one weight of 1. */
export function gaussianWeights(deviation: number): Float32Array {
  const reach = Math.ceil(3 * deviation)
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    reach === 0 ? 1 : Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)),
  )
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return Float32Array.from(weights, (weight) => weight / sum)
}

/**
 * Distances as a map, smoothed by a Gaussian whose border repeats the outermost cells.
 *
 * @param distances float [N, height * width]
 * @param deviation in cells; 0 smooths nothing
 * @returns float [N, 1, height, width]
 */
export function emitMap({ b }: Emitter, distances: string, grid: PatchGrid, deviation: number): string {
  const map = b.op('Reshape', [distances, b.ints([-1, 1, grid.height, grid.width])])
  const weights = gaussianWeights(deviation)
  const reach = (weights.length - 1) / 2
  if (reach === 0) return map
  const padded = b.op('Pad', [map, b.ints([0, 0, reach, reach, 0, 0, reach, reach])], { mode: 'edge' })
  const side = weights.length
  const down = b.op('Conv', [padded, b.constant(Tensor.float32([1, 1, side, 1], weights), 'gaussian')], { kernel_shape: [side, 1] })
  return b.op('Conv', [down, b.constant(Tensor.float32([1, 1, 1, side], weights), 'gaussian')], { kernel_shape: [1, side] })
}

/**
 * The score of a picture: the mean of its highest cells.
 *
 * @param map float [N, 1, height, width]
 * @param cells how many; 1 takes the highest alone
 * @returns float [N]
 */
export function emitScore({ b }: Emitter, map: string, cells: number): string {
  const flat = b.op('Flatten', [map], { axis: 1 })
  if (cells === 1) return b.op('ReduceMax', [flat, b.ints([1])], { keepdims: 0 })
  const [highest] = b.ops('TopK', [flat, b.ints([cells])], 2, { axis: 1, largest: 1, sorted: 0 })
  return b.op('ReduceMean', [highest!, b.ints([1])], { keepdims: 0 })
}
