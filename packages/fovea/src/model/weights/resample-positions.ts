// Position embeddings of a vision transformer for another number of patches.

import { Tensor } from '../../graph/tensor.ts'

/** The kernel of PyTorch's antialiased bicubic, and of PIL: Keys 1981 with a = -0.5. */
const a = -0.5

/** Rows and columns of patches. */
export type Grid = readonly [rows: number, columns: number]

/** What position embeddings are resampled from and to. */
export interface PositionGrids {
  /** Tokens of other kinds before the patches. */
  readonly extra: number
  readonly from: Grid
  readonly to: Grid
}

/**
 * How position embeddings [1, T, D] become those of another grid of patches. Undefined where they are that grid's already, and where
 * they cannot be: with another width, or where their patches are neither `stated` nor a square.
 *
 * @param stated the grid that the embeddings were trained on; passed over where it does not give their number
 */
export function positionGrids(from: readonly number[], to: readonly number[], grid: Grid, stated?: Grid): PositionGrids | undefined {
  if (from.length !== 3 || to.length !== 3 || from[0] !== 1 || to[0] !== 1 || from[2] !== to[2]) return undefined
  const extra = to[1]! - grid[0] * grid[1]
  const patches = from[1]! - extra
  const side = Math.sqrt(patches)
  const source = stated !== undefined && stated[0] * stated[1] === patches ? stated : ([side, side] as const)
  if (extra < 0 || patches <= 0 || !source.every(Number.isInteger) || `${source}` === `${grid}`) return undefined
  return { extra, from: source, to: grid }
}

/**
 * Resamples float32 position embeddings as timm does: bicubic with antialiasing over the grid of patches; the class token stays.
 *
 * @param positions [1, extra + from rows * from columns, D]
 * @returns [1, extra + to rows * to columns, D]
 */
export function resamplePositions(positions: Tensor, { extra, from, to }: PositionGrids): Tensor {
  const depth = positions.dims[2]!
  const data = positions.data as Float32Array
  const stride = from[1] * depth
  const rows = new Float64Array(to[0] * stride)
  axisWeights(from[0], to[0]).forEach((taps, y) => {
    for (const [source, weight] of taps)
      for (let i = 0; i < stride; i++) rows[y * stride + i]! += weight * data[extra * depth + source * stride + i]!
  })
  const result = new Float32Array((extra + to[0] * to[1]) * depth)
  result.set(data.subarray(0, extra * depth))
  const columns = axisWeights(from[1], to[1])
  for (let y = 0; y < to[0]; y++)
    columns.forEach((taps, x) => {
      for (let d = 0; d < depth; d++) {
        let sum = 0
        for (const [source, weight] of taps) sum += weight * rows[y * stride + source * depth + d]!
        result[(extra + y * to[1] + x) * depth + d] = sum
      }
    })
  return Tensor.float32([1, extra + to[0] * to[1], depth], result)
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
