// Gradients of pools over sliding windows.

import { sizeOf } from '../graph/tensor.ts'
import { masked, numbers, reshapedTo } from './emit.ts'
import { zeros } from './gradients.ts'
import type { GradientContext } from './operator.ts'
import { poolWindows, unpooledDims, windowCounts } from './pooling-shape.ts'
import { emitTaps, withExactEnd } from './window-gradient.ts'
import type { Windows } from './windows.ts'

/** More taps than this would keep too many copies of the result alive. */
const mostTaps = 16

/**
 * The gradient goes to the first maximum of each window, as in PyTorch.
 *
 * Lowerings (decision `MaxPool.input`; shapes x, y):
 * - `taps`: what each tap of the kernel sees is compared with the result; a tap that equals it takes what is left of the gradient. No
 *   indices: ONNX Runtime's MaxPool is many times slower where it has to return them. Best for 2x2 kernels.
 * - `indices`: pools again with indices and adds up there; needs the least memory.
 */
export function maxPoolGradient(ctx: GradientContext): (string | undefined)[] {
  if (!ctx.needs(0) || ctx.gradient(0) === undefined) return []
  const [x, y] = [ctx.shape(ctx.input(0)), ctx.shape(ctx.output(0))]
  const windows = withExactEnd(poolWindows(ctx, x))
  const taps = sizeOf(windows.kernel)
  // Col2Im is of opset 18; ONNX Runtime 1.30 gets dilations wrong but for two axes.
  const byTaps =
    ctx.b.opset >= 18 && taps <= mostTaps && (windows.kernel.length === 2 || windows.dilations.every((dilation) => dilation === 1))
  const chosen = ctx.choose({
    decision: 'MaxPool.input',
    shapes: [x, y],
    candidates: byTaps ? ['taps', 'indices'] : ['indices'],
    preferred: byTaps && taps <= 4 ? 'taps' : 'indices',
  })
  return [chosen === 'taps' ? maxByTaps(ctx, windows) : maxByIndices(ctx)]
}

function maxByTaps(ctx: GradientContext, windows: Windows): string {
  const { b } = ctx
  const dtype = ctx.dtype(ctx.input(0))
  const [N, C] = ctx.shape(ctx.input(0)) as [number, number]
  const seen = emitTaps(ctx, windows, ctx.input(0), ctx.scalar(Number.NEGATIVE_INFINITY, dtype))
  let rest = ctx.gradient(0)!
  const parts = seen.map((tap, i) => {
    // The last tap gets what no other has taken.
    if (i === seen.length - 1) return rest
    const taken = masked(ctx, rest, b.op('Equal', [tap, ctx.output(0)]), dtype)
    rest = b.op('Sub', [rest, taken])
    return taken
  })
  const positions = sizeOf(windows.output)
  const columns = parts.map((part) => reshapedTo(ctx, part, [N, C, 1, positions]))
  const joined = columns.length === 1 ? columns[0]! : b.op('Concat', columns, { axis: 2 })
  return spreadColumns(ctx, windows, reshapedTo(ctx, joined, [N, C * seen.length, positions]))
}

/** Adds columns [N, C * taps, positions] up where their taps lie. Windows that reach past the padding are given room and cut off. */
function spreadColumns(ctx: GradientContext, windows: Windows, columns: string): string {
  const { b } = ctx
  const { input, kernel, strides, dilations, begin, end } = windows
  // Col2Im wants the windows to end where the padded image does: elements after the last window are added as negative padding.
  const image = input.map((size, axis) => Math.min(size, size + end[axis]!))
  const pads = [...begin, ...end.map((pad) => Math.max(0, pad))]
  const sum = b.op('Col2Im', [columns, b.ints(image), b.ints(kernel)], { strides, dilations, pads })
  if (image.every((size, axis) => size === input[axis])) return sum
  const after = input.map((size, axis) => size - image[axis]!)
  return b.op('Pad', [sum, b.ints([0, 0, ...input.map(() => 0), 0, 0, ...after])])
}

function maxByIndices(ctx: GradientContext): string {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const attributes = Object.fromEntries([...ctx.node.attributes].filter(([name]) => name !== 'storage_order'))
  const [, indices] = b.ops('MaxPool', [ctx.input(0)], 2, attributes) as [string, string]
  const empty = zeros(ctx, [sizeOf(dims)], ctx.dtype(ctx.input(0)))
  const inputs = [empty, reshapedTo(ctx, indices, [-1]), reshapedTo(ctx, ctx.gradient(0)!, [-1])]
  return reshapedTo(ctx, b.op('ScatterElements', inputs, { axis: 0, reduction: 'add' }), dims)
}

/** Gives every element of a window the window's value, summed where windows overlap: a transposed convolution with ones. */
function spread(ctx: GradientContext, windows: Windows, value: string): string {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const dtype = ctx.dtype(ctx.input(0))
  if (windows.kernel.every((size, axis) => size === windows.input[axis] && windows.begin[axis] === 0 && windows.end[axis] === 0))
    return b.op('Expand', [value, b.ints(dims)])
  const { kernel, strides, dilations, begin, end, output } = windows
  const planes = reshapedTo(ctx, value, [dims[0]! * dims[1]!, 1, ...output])
  const ones = numbers(ctx, dtype, [1, 1, ...kernel], new Array<number>(sizeOf(kernel)).fill(1))
  // A rest as long as a stride or longer is more than ConvTranspose may add.
  const added = end.map((pad, axis) => Math.min(Math.max(0, -pad), strides[axis]! - 1))
  const pads = [...begin, ...end.map((pad) => Math.max(0, pad))]
  const sum = b.op('ConvTranspose', [planes, ones], { strides, dilations, pads, output_padding: added })
  const missing = end.map((pad, axis) => Math.max(0, -pad) - added[axis]!)
  const whole = missing.some((count) => count > 0) ? b.op('Pad', [sum, b.ints([0, 0, ...missing.map(() => 0), 0, 0, ...missing])]) : sum
  return reshapedTo(ctx, whole, dims)
}

export function averagePoolGradient(ctx: GradientContext): (string | undefined)[] {
  const windows = withExactEnd(poolWindows(ctx, ctx.shape(ctx.input(0))))
  const dtype = ctx.dtype(ctx.input(0))
  const shares = [...windowCounts(ctx, poolWindows(ctx, ctx.shape(ctx.input(0))))].map((count) => 1 / count)
  const even = shares.every((share) => share === shares[0])
  const share = even ? ctx.scalar(shares[0] ?? 0, dtype) : numbers(ctx, dtype, [1, 1, ...windows.output], shares)
  return [spread(ctx, windows, ctx.b.op('Mul', [ctx.gradient(0), share]))]
}

/** With y = (sum |x|^p)^(1/p): dx = sign(x) |x|^(p-1) * spread(dy * y^(1-p)). Where y is 0 so is the gradient. */
export function lpPoolGradient(ctx: GradientContext): (string | undefined)[] {
  const [x, y, dy] = [ctx.input(0), ctx.output(0), ctx.gradient(0)!]
  const windows = withExactEnd(poolWindows(ctx, ctx.shape(x)))
  return [lpSlope(ctx, x, spread(ctx, windows, lpWeight(ctx, y, dy)))]
}

/** dy * y^(1-p), 0 where y is. */
export function lpWeight(ctx: GradientContext, y: string, dy: string): string {
  const { b } = ctx
  const p = ctx.int('p', 2)
  const dtype = ctx.dtype(ctx.input(0))
  if (p === 1) return dy
  const isZero = b.op('Equal', [y, ctx.scalar(0, dtype)])
  const safe = b.op('Where', [isZero, ctx.scalar(1, dtype), y])
  const divisor = p === 2 ? safe : b.op('Pow', [safe, ctx.scalar(p - 1, dtype)])
  return masked(ctx, b.op('Div', [dy, divisor]), b.op('Not', [isZero]), dtype)
}

/** sign(x) |x|^(p-1) times what the windows give. */
export function lpSlope(ctx: GradientContext, x: string, spreadValue: string): string {
  const { b } = ctx
  const p = ctx.int('p', 2)
  if (p === 2) return b.op('Mul', [x, spreadValue])
  const sign = b.op('Sign', [x])
  if (p === 1) return b.op('Mul', [sign, spreadValue])
  const power = b.op('Pow', [b.op('Abs', [x]), ctx.scalar(p - 1, ctx.dtype(x))])
  return b.op('Mul', [b.op('Mul', [sign, power]), spreadValue])
}

/** The gradient is read where the values were written. */
export function maxUnpoolGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dims = ctx.shape(ctx.output(0))
  const natural = unpooledDims(ctx, ctx.shape(ctx.input(0))) as number[]
  const axes = dims.map((_, axis) => axis).filter((axis) => natural[axis] !== dims[axis])
  const corner =
    axes.length === 0
      ? ctx.gradient(0)!
      : b.op('Slice', [ctx.gradient(0), b.ints(axes.map(() => 0)), b.ints(axes.map((axis) => natural[axis]!)), b.ints(axes)])
  return [b.op('Gather', [reshapedTo(ctx, corner, [-1]), ctx.input(1)])]
}
