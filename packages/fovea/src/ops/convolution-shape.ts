// Shapes of convolutions: what Conv and ConvTranspose have in common, and the windows that both lay.

import { addDims, type Dim, dimsConflict, formatDims, isStatic, multiplyDims } from '../graph/dims.ts'
import type { Attributes } from './operator.ts'
import { extentOf, splitPad, type WindowAttributes, type Windows, windowAttributes } from './windows.ts'

/** Sizes of the kernel from the weight's shape, or from the attribute where that is not known. */
export function kernelOf(ctx: Attributes, weight: readonly Dim[] | undefined): readonly number[] | undefined {
  const stated = ctx.ints('kernel_shape', undefined)
  const kernel = weight?.slice(2)
  if (!isStatic(kernel)) return stated
  if (stated?.some((size, axis) => size !== kernel[axis])) ctx.fail(`kernel_shape [${kernel}], as the weight has`, `[${stated}]`)
  return kernel
}

export function checkRank(ctx: Attributes, x: readonly Dim[] | undefined, weight: readonly Dim[] | undefined): void {
  if (x !== undefined && x.length < 3) ctx.fail('an input [N, C, size, ...]', formatDims(x))
  if (x !== undefined && weight !== undefined && x.length !== weight.length)
    ctx.fail(`a weight of ${x.length} axes, as the input has`, formatDims(weight))
}

/** Channels of both sides against the weight; `outer` is the channels that the weight's first axis must have. */
export function checkChannels(ctx: Attributes, channels: Dim, weight: readonly Dim[], axis: 0 | 1, bias: readonly Dim[] | undefined): void {
  const group = ctx.int('group', 1)
  const own = axis === 1 ? multiplyDims(weight[1]!, group) : weight[0]!
  if (dimsConflict(channels, own)) ctx.fail(`${own} input channels, as the weight ${formatDims(weight)} has`, `${channels}`)
  if (group < 1 || (typeof weight[0] === 'number' && weight[0] % group !== 0)) ctx.fail(`a group that divides ${weight[0]}`, `${group}`)
  const outputs = axis === 1 ? weight[0]! : multiplyDims(weight[1]!, group)
  if (bias !== undefined && (bias.length !== 1 || dimsConflict(bias[0]!, outputs))) ctx.fail(`a bias [${outputs}]`, formatDims(bias))
}

/** Spatial sizes of ConvTranspose's result; symbols allowed. */
export function transposedDims(ctx: Attributes, spatial: readonly Dim[], kernel: readonly number[]): Dim[] {
  const attributes = windowAttributes(ctx, kernel)
  const stated = ctx.ints('output_shape', undefined)
  // Some exporters state the whole shape.
  if (stated !== undefined) return stated.slice(stated.length - spatial.length)
  return spatial.map((size, axis) => {
    if (attributes.autoPad.startsWith('SAME')) return multiplyDims(size, attributes.strides[axis]!)
    return addDims(naturalSize(ctx, size, attributes, axis), -attributes.begin[axis]! - attributes.end[axis]!)
  })
}

/** Size of a transposed convolution's result before pads are cut off. */
function naturalSize(ctx: Attributes, size: Dim, attributes: WindowAttributes, axis: number): Dim {
  const extra = ctx.ints('output_padding', undefined)?.[axis] ?? 0
  return addDims(multiplyDims(addDims(size, -1), attributes.strides[axis]!), extra + extentOf(attributes, axis))
}

/**
 * The windows of a ConvTranspose, seen as those of the convolution it transposes: `input` is the result, `output` the operand.
 * Where the result is larger than what the windows cover, `end` is negative.
 */
export function transposedWindows(ctx: Attributes, operand: readonly number[], kernel: readonly number[]): Windows {
  const attributes = windowAttributes(ctx, kernel)
  const { strides, dilations, autoPad } = attributes
  const input = transposedDims(ctx, operand, kernel) as number[]
  const automatic = autoPad.startsWith('SAME') || ctx.has('output_shape')
  const begin = operand.map((size, axis) => {
    if (!automatic) return attributes.begin[axis]!
    const total = (naturalSize(ctx, size, attributes, axis) as number) - input[axis]!
    return splitPad(Math.max(0, total), autoPad === 'SAME_UPPER')[0]
  })
  const end = operand.map((size, axis) => (size - 1) * strides[axis]! + extentOf(attributes, axis) - begin[axis]! - input[axis]!)
  if (input.some((size) => size < 1)) ctx.fail('a result of positive sizes', `[${input}]`)
  return { input, output: operand, kernel, strides, dilations, begin, end }
}
