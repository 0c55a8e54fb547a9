// The input gradient of a convolution: from the gradient of its smaller side to that of its larger.

import { sizeOf } from '../graph/tensor.ts'
import type { Convolution } from './convolution-gradient.ts'
import { numbers, reshapedTo } from './emit.ts'
import type { GradientContext } from './operator.ts'
import { extentOf } from './windows.ts'

/** Pads of the convolution with a flipped kernel, or undefined where it has none: strides over 1, or pads wider than the kernel. */
function flippedPads({ large, small, windows }: Convolution): number[] | undefined {
  if (windows.strides.some((stride) => stride !== 1)) return undefined
  const begin = windows.begin.map((pad, axis) => extentOf(windows, axis) - 1 - pad)
  const end = windows.input.map((_, axis) => large[axis + 2]! - small[axis + 2]! - begin[axis]! + extentOf(windows, axis) - 1)
  return [...begin, ...end].some((pad) => pad < 0) ? undefined : [...begin, ...end]
}

/**
 * Emits the input gradient.
 *
 * Lowerings (decision `Conv.input`; shapes large, weight, small):
 * - `flipped`: `Conv` with the kernel's channels swapped and its taps reversed; stride 1 only. Measured on ONNX Runtime 1.30, 2 cores:
 *   up to 1.7 times as fast as `ConvTranspose`, 3 to 4 times for depthwise kernels, the same for deep small maps.
 * - `transposed`: `ConvTranspose`; the fastest for larger strides (phases through `DepthToSpace` take twice, stuffed zeros 5 times as long).
 */
export function convolutionInputGradient(ctx: GradientContext, convolution: Convolution, dy: string, weight: string): string {
  const pads = flippedPads(convolution)
  const { large, small } = convolution
  const chosen = ctx.choose({
    decision: 'Conv.input',
    shapes: [large, convolution.weight, small],
    candidates: pads === undefined ? ['transposed'] : ['flipped', 'transposed'],
    preferred: pads === undefined ? 'transposed' : 'flipped',
  })
  return chosen === 'flipped' ? emitFlipped(ctx, convolution, dy, weight, pads!) : emitTransposed(ctx, convolution, dy, weight)
}

function emitFlipped(ctx: GradientContext, convolution: Convolution, dy: string, weight: string, pads: readonly number[]): string {
  const { group, windows } = convolution
  const swapped = swappedChannels(ctx, convolution, reversedTaps(ctx, convolution, weight))
  return ctx.b.op('Conv', [dy, swapped], { group, dilations: windows.dilations, pads })
}

/** [O, C/group, ...] as [C, O/group, ...]. */
function swappedChannels(ctx: GradientContext, { weight: dims, group }: Convolution, weight: string): string {
  const [O, each, ...kernel] = dims as [number, number, ...number[]]
  if (O === group && each === 1) return weight
  const rest = kernel.map((_, axis) => axis)
  if (group === 1) return ctx.b.op('Transpose', [weight], { perm: [1, 0, ...rest.map((axis) => axis + 2)] })
  const grouped = reshapedTo(ctx, weight, [group, O / group, each, ...kernel])
  const swapped = ctx.b.op('Transpose', [grouped], { perm: [0, 2, 1, ...rest.map((axis) => axis + 3)] })
  return reshapedTo(ctx, swapped, [each * group, O / group, ...kernel])
}

/** Kernels of more taps than this are reversed by a slice: the product would cost more. */
const mostReversedTaps = 32

/**
 * The kernel with its taps in reverse order, by a product with the reversing permutation: on ONNX Runtime's CPU provider 3 to 5 times
 * as fast as a `Slice` with negative steps, which moves element by element on one thread (512x512x3x3: 1.3 against 6.7 ms).
 */
function reversedTaps(ctx: GradientContext, { weight: dims, windows: { kernel } }: Convolution, weight: string): string {
  const { b } = ctx
  const taps = sizeOf(kernel)
  if (taps === 1) return weight
  const flat = reshapedTo(ctx, weight, [dims[0]! * dims[1]!, taps])
  if (taps > mostReversedTaps)
    return reshapedTo(ctx, b.op('Slice', [flat, b.ints([-1]), b.ints([-taps - 1]), b.ints([1]), b.ints([-1])]), dims)
  const reversal = Array.from({ length: taps * taps }, (_, i) => (Math.floor(i / taps) + (i % taps) === taps - 1 ? 1 : 0))
  return reshapedTo(ctx, b.op('MatMul', [flat, numbers(ctx, ctx.dtype(ctx.input(1)), [taps, taps], reversal)]), dims)
}

function emitTransposed(ctx: GradientContext, { windows, group }: Convolution, dy: string, weight: string): string {
  const { strides, dilations, begin, end } = windows
  return ctx.b.op('ConvTranspose', [dy, weight], {
    group,
    strides,
    dilations,
    pads: [...begin, ...end.map((pad) => Math.max(0, pad))],
    output_padding: end.map((pad) => Math.max(0, -pad)),
  })
}
