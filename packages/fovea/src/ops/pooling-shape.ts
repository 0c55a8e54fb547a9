// Shapes of pools: the windows they lay and how many elements each holds.

import { addDims, type Dim, formatDims, multiplyDims } from '../graph/dims.ts'
import { sizeOf } from '../graph/tensor.ts'
import type { Attributes } from './operator.ts'
import { tapPositions, type Windows, windowAttributes, windowDims, windowsOver } from './windows.ts'

/** Shape of a pool's result; symbols allowed. */
export function pooledDims(ctx: Attributes, x: readonly Dim[]): Dim[] {
  const kernel = ctx.ints('kernel_shape')
  if (x.length !== kernel.length + 2) ctx.fail(`an input [N, C, ...] of ${kernel.length} spatial axes`, formatDims(x))
  return [x[0]!, x[1]!, ...windowDims(ctx, x.slice(2), windowAttributes(ctx, kernel))]
}

/** Windows of a pool over an input [N, C, ...]. */
export function poolWindows(ctx: Attributes, dims: readonly number[]): Windows {
  pooledDims(ctx, dims)
  return windowsOver(ctx, dims.slice(2), ctx.ints('kernel_shape'))
}

/**
 * How many elements each window averages: those inside the input, or with `count_include_pad` also those in the stated padding (but not
 * those that only `ceil_mode` reaches).
 */
export function windowCounts(ctx: Attributes, windows: Windows): Float64Array {
  const widened = ctx.int('count_include_pad', 0) !== 0
  const counted = !widened
    ? windows
    : {
        ...windows,
        input: windows.input.map((size, axis) => size + windows.begin[axis]! + windows.end[axis]!),
        begin: windows.begin.map(() => 0),
      }
  const none = sizeOf(counted.input)
  const counts = new Float64Array(sizeOf(windows.output))
  for (const positions of tapPositions(counted)) for (let i = 0; i < counts.length; i++) if (positions[i]! < none) counts[i]!++
  return counts
}

/** Spatial sizes that a MaxPool with these attributes would have been given, where the result's shape is not stated. */
export function unpooledDims(ctx: Attributes, x: readonly Dim[]): Dim[] {
  const kernel = ctx.ints('kernel_shape')
  if (x.length !== kernel.length + 2) ctx.fail(`an input [N, C, ...] of ${kernel.length} spatial axes`, formatDims(x))
  const { strides, begin, end } = windowAttributes(ctx, kernel)
  const spatial = x
    .slice(2)
    .map((size, axis) => addDims(multiplyDims(addDims(size, -1), strides[axis]!), kernel[axis]! - begin[axis]! - end[axis]!))
  return [x[0]!, x[1]!, ...spatial]
}
