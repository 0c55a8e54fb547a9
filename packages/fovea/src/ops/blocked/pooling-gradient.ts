// Gradients of pools on the blocked layout.

import { sizeOf } from '../../graph/tensor.ts'
import { masked, numbers, reshapedTo } from '../emit.ts'
import type { GradientContext } from '../operator.ts'
import { poolWindows, windowCounts } from '../pooling-shape.ts'
import { withExactEnd } from '../window-gradient.ts'
import type { Windows } from '../windows.ts'
import { interleaved, type PhaseAxis, phasesOf } from './convolution-input-gradient.ts'
import { blockedOp, blockOf } from './layout.ts'

/** True where the gradient of a pool over these windows can be written on the blocked layout. */
export function poolFits(windows: Windows): boolean {
  return phasesOf({ windows: withExactEnd(windows) }) !== undefined
}

function phasesFor(ctx: GradientContext, windows: Windows): (readonly PhaseAxis[])[] {
  return phasesOf({ windows }) ?? ctx.fail('windows whose phases cut nothing')
}

/** The gradient of a mean over each plane: the same share for every pixel. */
export function globalAverageGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const block = blockOf(ctx)
  const [N, C, H, W] = ctx.shape(ctx.input(0)) as [number, number, number, number]
  const share = b.op('Mul', [ctx.gradient(0), ctx.scalar(1 / (H * W), ctx.dtype(ctx.input(0)))])
  const spread = b.op('Expand', [reshapedTo(ctx, share, [N, C / block, 1, block]), b.ints([N, C / block, H * W, block])])
  return [reshapedTo(ctx, spread, [N, C, H, W])]
}

/** Every phase is a depthwise convolution of the shares with ones. */
export function blockedAveragePoolGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const block = blockOf(ctx)
  const [dims, dtype] = [ctx.shape(ctx.input(0)), ctx.dtype(ctx.input(0))]
  const [N, C] = dims as [number, number]
  const plain = poolWindows(ctx, dims)
  const windows = withExactEnd(plain)
  const positions = sizeOf(windows.output)
  const shares = numbers(
    ctx,
    dtype,
    [1, positions, 1],
    [...windowCounts(ctx, plain)].map((count) => 1 / count),
  )
  const weighted = b.op('Mul', [reshapedTo(ctx, ctx.gradient(0)!, [(N * C) / block, positions, block]), shares])
  const dy = reshapedTo(ctx, weighted, [N, C, ...windows.output])
  const [rows, columns] = phasesFor(ctx, windows) as [readonly PhaseAxis[], readonly PhaseAxis[]]
  const parts = rows.map((row) =>
    columns.map((column) => (row.taps.length * column.taps.length === 0 ? undefined : laid(ctx, [C, block], dy, row, column, () => 1))),
  )
  return [interleaved(ctx, dims, block, parts, rows, columns)]
}

/** dy laid where the taps of a phase read it, each tap with its factor. */
function laid(
  ctx: GradientContext,
  [C, block]: readonly [number, number],
  dy: string,
  row: PhaseAxis,
  column: PhaseAxis,
  factor: (row: number, column: number) => number,
  summand?: string,
): string {
  const pads = [row.begin, column.begin, row.end, column.end]
  if (row.taps.length * column.taps.length === 1 && factor(0, 0) === 1 && pads.every((pad) => pad === 0))
    return summand === undefined ? dy : ctx.b.op('Add', [dy, summand])
  const taps = row.taps.flatMap((_, i) => column.taps.map((_, j) => factor(i, j)))
  // [C/B, taps, B]
  const values = Array.from({ length: C * taps.length }, (_, i) => taps[Math.floor(i / block) % taps.length]!)
  const kernel = [row.taps.length, column.taps.length]
  const weight = numbers(ctx, ctx.dtype(ctx.input(0)), [C, 1, ...kernel], values)
  return blockedOp(ctx.b, block, 'Conv', [dy, weight, undefined, summand], { kernel_shape: kernel, pads, group: C })
}

/**
 * The gradient goes to the first maximum of each window, as in PyTorch. What each tap of the kernel sees is compared with the result; a
 * tap that equals it takes what is left of the gradient, and the phases bring the parts to their places.
 */
export function blockedMaxPoolGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const block = blockOf(ctx)
  const [dims, dtype] = [ctx.shape(ctx.input(0)), ctx.dtype(ctx.input(0))]
  const [N, C, H, W] = dims as [number, number, number, number]
  const windows = withExactEnd(poolWindows(ctx, dims))
  const planes = (N * C) / block
  const seen = emitBlockTaps(ctx, windows, reshapedTo(ctx, ctx.input(0), [planes, H, W, block]))
  const view = [planes, ...windows.output, block]
  const maximum = reshapedTo(ctx, ctx.output(0), view)
  let rest = reshapedTo(ctx, ctx.gradient(0)!, view)
  const taken = seen.map((tap, i) => {
    // The last tap gets what no other has taken.
    const part = i === seen.length - 1 ? rest : masked(ctx, rest, b.op('Equal', [tap, maximum]), dtype)
    if (part !== rest) rest = b.op('Sub', [rest, part])
    return reshapedTo(ctx, part, [N, C, ...windows.output])
  })
  const [rows, columns] = phasesFor(ctx, windows) as [readonly PhaseAxis[], readonly PhaseAxis[]]
  const parts = rows.map((row) =>
    columns.map((column) => {
      let sum: string | undefined
      row.taps.forEach((tapRow, i) => {
        column.taps.forEach((tapColumn, j) => {
          const value = taken[tapRow * windows.kernel[1]! + tapColumn]!
          sum = laid(ctx, [C, block], value, row, column, (r, c) => (r === i && c === j ? 1 : 0), sum)
        })
      })
      return sum
    }),
  )
  return [interleaved(ctx, dims, block, parts, rows, columns)]
}

/** What each tap sees of [planes, H, W, block], as [planes, OH, OW, block]. */
function emitBlockTaps(ctx: GradientContext, windows: Windows, value: string): string[] {
  const { b } = ctx
  const { kernel, strides, dilations, begin, end, output } = windows
  const pads = [0, ...begin, 0, 0, ...end.map((pad) => Math.max(0, pad)), 0]
  const least = ctx.scalar(Number.NEGATIVE_INFINITY, ctx.dtype(ctx.input(0)))
  const padded = pads.every((pad) => pad === 0) ? value : b.op('Pad', [value, b.ints(pads), least])
  return Array.from({ length: sizeOf(kernel) }, (_, tap) => {
    const at = [Math.floor(tap / kernel[1]!), tap % kernel[1]!]
    const starts = at.map((position, axis) => position * dilations[axis]!)
    const ends = starts.map((start, axis) => start + (output[axis]! - 1) * strides[axis]! + 1)
    return b.op('Slice', [padded, b.ints(starts), b.ints(ends), b.ints([1, 2]), b.ints(strides)])
  })
}
