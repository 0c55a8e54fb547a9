// The weight gradient of a convolution: which way it is written.

import { sizeOf } from '../graph/tensor.ts'
import type { Convolution } from './convolution-gradient.ts'
import { emitBatched, emitCorrelated, emitFolded, emitFoldedRows, emitGathered, emitRows } from './convolution-weight-lowerings.ts'
import type { GradientContext } from './operator.ts'

type Emit = (ctx: GradientContext, convolution: Convolution, large: string, small: string) => string

const lowerings = {
  gathered: emitGathered,
  batched: emitBatched,
  folded: emitFolded,
  rows: emitRows,
  'folded-rows': emitFoldedRows,
  correlated: emitCorrelated,
} as const satisfies Record<string, Emit>

export type WeightLowering = keyof typeof lowerings

/** The ways that are right for a convolution. */
export function weightLowerings({ group, weight, windows }: Convolution): WeightLowering[] {
  const candidates: WeightLowering[] = ['gathered', 'batched', 'folded']
  const strided = windows.strides.some((stride) => stride !== 1)
  if (group === 1 && windows.kernel.length === 2 && !strided) candidates.push('rows', 'folded-rows')
  if (weight[1] === 1) candidates.push('correlated')
  return candidates
}

/**
 * The rule on shapes, from timings on ONNX Runtime 1.30 (CPU, 2 cores, batch 4 to 32; milliseconds):
 *
 * | N, C, O, size, kernel, stride | gathered | batched | folded | rows | folded-rows |
 * |---|---|---|---|---|---|
 * | 32, 64, 64, 32, 3, 1   | 14.7 | 16.1 | 18.5 | 12.9 | 12.9 |
 * | 32, 128, 128, 16, 3, 1 | 11.7 | 15.3 | 11.0 | 12.5 | 9.9 |
 * | 32, 512, 512, 4, 3, 1  | 48.9 | 49.2 | 9.9 | 69.6 | 11.5 |
 * | 32, 64, 128, 32, 3, 2  | 6.5 | 12.1 | 9.3 | | |
 * | 4, 3, 64, 224, 7, 2    | 7.1 | 11.1 | 12.6 | | |
 *
 * - One channel to each filter: `correlated`, the least memory.
 * - A 1x1 kernel without stride and pads needs no gathering: `batched`, or `folded` where the partial results of the samples would
 *   outweigh what is multiplied (more filters than output positions).
 * - Shifting rows and columns on different sides copies least where the filters are under (kernel - 1) times the channels.
 * - Else `gathered`, or `folded` for the same reason as above.
 */
export function preferredWeightLowering(convolution: Convolution): WeightLowering {
  const { weight, windows } = convolution
  const [filters, channels] = weight as [number, number]
  const candidates = weightLowerings(convolution)
  const positions = sizeOf(windows.output)
  const deep = filters / convolution.group > positions
  if (candidates.includes('correlated')) return 'correlated'
  if (sizeOf(windows.kernel) === 1 && windows.strides.every((stride) => stride === 1)) return deep ? 'folded' : 'batched'
  const kernel = Math.min(...windows.kernel)
  if (candidates.includes('rows') && filters < (kernel - 1) * channels && positions > 32)
    return kernel * filters > positions ? 'folded-rows' : 'rows'
  return deep ? 'folded' : 'gathered'
}

/** Emits the weight gradient from the larger side and the gradient of the smaller (decision `Conv.weight`). */
export function convolutionWeightGradient(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const candidates = weightLowerings(convolution)
  const chosen = ctx.choose({
    decision: 'Conv.weight',
    shapes: [convolution.large, convolution.weight, convolution.small],
    candidates,
    preferred: preferredWeightLowering(convolution),
  })
  return lowerings[chosen as WeightLowering](ctx, convolution, large, small)
}
