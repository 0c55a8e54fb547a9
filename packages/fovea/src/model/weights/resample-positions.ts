// Position embeddings of a vision transformer for another number of patches.

import { Tensor } from '../../graph/tensor.ts'

/** The kernel of PyTorch's antialiased bicubic, and of PIL: Keys 1981 with a = -0.5. */
const a = -0.5

/** Side of the square of patches behind `extra` tokens of other kinds; undefined where they are no square. */
function sideOf(tokens: number, extra: number): number | undefined {
  const side = Math.sqrt(tokens - extra)
  return Number.isInteger(side) && side > 0 ? side : undefined
}

/**
 * How position embeddings [1, T, D] become those of another number of tokens: with the class token, or without, where both are
 * squares of patches. Undefined where they are not.
 */
export function positionGrids(from: readonly number[], to: readonly number[]): { extra: number; from: number; to: number } | undefined {
  if (from.length !== 3 || to.length !== 3 || from[0] !== 1 || to[0] !== 1 || from[2] !== to[2]) return undefined
  for (const extra of [1, 0]) {
    const [source, target] = [sideOf(from[1]!, extra), sideOf(to[1]!, extra)]
    if (source !== undefined && target !== undefined) return { extra, from: source, to: target }
  }
  return undefined
}

/**
 * Resamples float32 position embeddings as timm does: bicubic with antialiasing over the square of patches; the class token stays.
 *
 * @param positions [1, extra + from * from, D]
 * @returns [1, extra + to * to, D]
 */
export function resamplePositions(positions: Tensor, grids: { extra: number; from: number; to: number }): Tensor {
  const { extra, from, to } = grids
  const depth = positions.dims[2]!
  const data = positions.data as Float32Array
  const weights = axisWeights(from, to)
  const rows = new Float64Array(to * from * depth)
  weights.forEach((taps, y) => {
    for (const [source, weight] of taps)
      for (let i = 0; i < from * depth; i++) rows[y * from * depth + i]! += weight * data[(extra + source * from) * depth + i]!
  })
  const result = new Float32Array((extra + to * to) * depth)
  result.set(data.subarray(0, extra * depth))
  for (let y = 0; y < to; y++)
    weights.forEach((taps, x) => {
      for (let d = 0; d < depth; d++) {
        let sum = 0
        for (const [source, weight] of taps) sum += weight * rows[(y * from + source) * depth + d]!
        result[(extra + y * to + x) * depth + d] = sum
      }
    })
  return Tensor.float32([1, extra + to * to, depth], result)
}

/** For every place of the result, the places that it is made of and their shares, which sum to one. */
function axisWeights(from: number, to: number): (readonly [source: number, weight: number])[][] {
  const scale = from / to
  const stretch = Math.max(1, scale)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale
    const begin = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5))
    const end = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5))
    const taps = Array.from({ length: end - begin }, (_, k) => [begin + k, cubic((begin + k + 0.5 - centre) / stretch)] as const)
    const sum = taps.reduce((total, [, weight]) => total + weight, 0)
    return taps.map(([source, weight]) => [source, weight / sum] as const)
  })
}

function cubic(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}
