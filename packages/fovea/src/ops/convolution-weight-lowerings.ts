// Ways to write the weight gradient of a convolution: dW[o,c,k] = sum over n, p of small[n,o,p] * large[n,c, p * stride + k * dilation].

import { sizeOf } from '../graph/tensor.ts'
import type { Convolution } from './convolution-gradient.ts'
import { reduced, reshapedTo, transposed } from './emit.ts'
import { zeroPadded } from './gradients.ts'
import type { GradientContext } from './operator.ts'
import { emitPatches, emitTaps } from './window-gradient.ts'

/**
 * Patches by a convolution of every plane with the taps of an identity (one pass, no padded copy), then one matrix product a sample,
 * summed over the batch.
 */
export function emitGathered(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const { windows } = convolution
  const [N, C] = convolution.large as [number, number]
  const patches = emitPatches(ctx, windows, large, N * C)
  return batchedProduct(ctx, convolution, patches, small)
}

/** Patches by shifted slices, then one matrix product a sample, summed over the batch. */
export function emitBatched(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const [N, C] = convolution.large as [number, number]
  const positions = sizeOf(convolution.windows.output)
  const patches = zeroTaps(ctx, convolution, large).map((tap) => reshapedTo(ctx, tap, [N, C, 1, positions]))
  return batchedProduct(ctx, convolution, concatenated(ctx, patches, 2), small)
}

/** Sum over samples of small [N, O, P] times the transpose of patches [N, C * taps, P]. */
function batchedProduct(ctx: GradientContext, convolution: Convolution, patches: string, small: string): string {
  const { group, weight, windows } = convolution
  const [N, C] = convolution.large as [number, number]
  const filters = weight[0]! / group
  const [taps, positions] = [sizeOf(windows.kernel), sizeOf(windows.output)]
  const split = group === 1 ? [N] : [N, group]
  const left = reshapedTo(ctx, small, [...split, filters, positions])
  const right = reshapedTo(ctx, patches, [...split, (C / group) * taps, positions])
  return summedOverSamples(ctx, N, ctx.b.op('MatMul', [left, transposed(ctx, right, split.length + 2)]), weight)
}

function summedOverSamples(ctx: GradientContext, samples: number, products: string, dims: readonly number[]): string {
  return reshapedTo(ctx, samples === 1 ? products : reduced(ctx, 'ReduceSum', products, [0], false), dims)
}

/** One matrix product for the whole batch: both sides are brought to channels first, so that nothing is left to sum. */
export function emitFolded(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const { group, weight, windows } = convolution
  const [N, C] = convolution.large as [number, number]
  const taps = sizeOf(windows.kernel)
  const positions = N * sizeOf(windows.output)
  const shifted = zeroTaps(ctx, convolution, channelsFirst(ctx, convolution, large))
  const patches = concatenated(
    ctx,
    shifted.map((tap) => reshapedTo(ctx, tap, [C, 1, positions])),
    1,
  )
  const split = group === 1 ? [] : [group]
  const left = reshapedTo(ctx, channelsFirst(ctx, convolution, small), [...split, weight[0]! / group, positions])
  const right = reshapedTo(ctx, patches, [...split, (C / group) * taps, positions])
  return reshapedTo(ctx, ctx.b.op('MatMul', [left, transposed(ctx, right, split.length + 2)]), weight)
}

/**
 * Row shifts on one side and column shifts on the other: a kernel of h x w takes h + w shifted copies instead of h * w. For stride 1,
 * two axes and one group. One product a sample, summed over the batch.
 */
export function emitRows(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const [N, C] = convolution.large as [number, number]
  const [O] = convolution.weight as [number]
  const { columns, rows, positions } = shiftedSides(ctx, convolution, large, small)
  const [height, width] = convolution.windows.kernel as [number, number]
  const right = stacked(ctx, columns, [N, C], positions)
  const left = stacked(ctx, rows, [N, O], positions)
  const products = ctx.b.op('MatMul', [left, transposed(ctx, right, 3)])
  const sum = summedOverSamples(ctx, N, products, [O, height, C, width])
  return ctx.b.op('Transpose', [sum], { perm: [0, 2, 1, 3] })
}

/** The shifts of `emitRows` with both sides brought to channels first: one product for the whole batch. */
export function emitFoldedRows(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const [N, C] = convolution.large as [number, number]
  const [O] = convolution.weight as [number]
  const { columns, rows, positions } = shiftedSides(
    ctx,
    convolution,
    channelsFirst(ctx, convolution, large),
    channelsFirst(ctx, convolution, small),
  )
  const [height, width] = convolution.windows.kernel as [number, number]
  const right = stacked(ctx, columns, [C], N * positions)
  const left = stacked(ctx, rows, [O], N * positions)
  const sum = reshapedTo(ctx, ctx.b.op('MatMul', [left, transposed(ctx, right, 2)]), [O, height, C, width])
  return ctx.b.op('Transpose', [sum], { perm: [0, 2, 1, 3] })
}

/** Both sides over rows of the larger side and columns of the smaller: columns[kx] of the larger, rows[ky] of the smaller. */
function shiftedSides(ctx: GradientContext, { windows, ...convolution }: Convolution, large: string, small: string) {
  const { b } = ctx
  const zero = ctx.scalar(0, ctx.dtype(ctx.input(1)))
  const [height, width] = windows.kernel as [number, number]
  const [H, W] = [windows.input[0]!, windows.output[1]!]
  // The larger side keeps its rows: only columns are padded and shifted.
  const columnWindows = { ...windows, kernel: [1, width], begin: [0, windows.begin[1]!], end: [0, windows.end[1]!], output: [H, W] }
  const columns = emitTaps(ctx, columnWindows, large, zero)
  // Row y of the smaller side meets row y + ky * dilation - begin of the larger.
  const reach = (height - 1) * windows.dilations[0]!
  const padded = zeroPadded(ctx, small, [0, 0, reach - windows.begin[0]!, 0], [0, 0, H + windows.begin[0]! - convolution.small[2]!, 0])
  const rows = Array.from({ length: height }, (_, ky) => {
    const start = reach - ky * windows.dilations[0]!
    return height === 1 ? padded : b.op('Slice', [padded, b.ints([start]), b.ints([start + H]), b.ints([2])])
  })
  return { columns, rows, positions: H * W }
}

/** Shifts of [...lead, ...] as one matrix [...lead * shifts, positions] (its first axis kept where there are two). */
function stacked(ctx: GradientContext, shifts: readonly string[], lead: readonly number[], positions: number): string {
  const parts = shifts.map((shift) => reshapedTo(ctx, shift, [...lead, 1, positions]))
  const last = lead[lead.length - 1]!
  return reshapedTo(ctx, concatenated(ctx, parts, lead.length), [...lead.slice(0, -1), last * shifts.length, positions])
}

/**
 * For filters of one channel each: every plane of the larger side is convolved with the gradient of the smaller as its kernel, with
 * stride and dilation exchanged. It copies nothing.
 */
export function emitCorrelated(ctx: GradientContext, convolution: Convolution, large: string, small: string): string {
  const { b } = ctx
  const { windows, weight } = convolution
  const [N, C] = convolution.large as [number, number]
  const [O] = weight as [number]
  const { strides, dilations, kernel, begin, end, input, output } = windows
  const planes = reshapedTo(ctx, large, [1, N * C, ...input])
  const kernels = reshapedTo(ctx, small, [N * O, 1, ...output])
  const pads = [...begin, ...end.map((pad) => Math.max(0, pad))]
  const products = b.op('Conv', [planes, kernels], { group: N * C, strides: dilations, dilations: strides, pads })
  // Elements after the last window give further taps, which the kernel does not have.
  const longer = kernel.map((_, axis) => axis).filter((axis) => -end[axis]! >= dilations[axis]!)
  const cut =
    longer.length === 0
      ? products
      : b.op('Slice', [
          products,
          b.ints(longer.map(() => 0)),
          b.ints(longer.map((axis) => kernel[axis]!)),
          b.ints(longer.map((axis) => axis + 2)),
        ])
  return summedOverSamples(ctx, N, reshapedTo(ctx, cut, [N, O, 1, ...kernel]), weight)
}

function zeroTaps(ctx: GradientContext, { windows }: Convolution, value: string): string[] {
  return emitTaps(ctx, windows, value, ctx.scalar(0, ctx.dtype(ctx.input(1))))
}

function concatenated(ctx: GradientContext, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? parts[0]! : ctx.b.op('Concat', parts, { axis })
}

/** [N, C, ...] as [C, N, ...]. */
function channelsFirst(ctx: GradientContext, { large }: Convolution, value: string): string {
  return ctx.b.op('Transpose', [value], { perm: [1, 0, ...large.slice(2).map((_, axis) => axis + 2)] })
}
