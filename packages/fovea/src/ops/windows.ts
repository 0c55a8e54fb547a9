// Sliding windows: the geometry that convolutions and pools share.

import { addDims, ceilDivideDims, type Dim, floorDivideDims, isStatic, subtractDims } from '../graph/dims.ts'
import { sizeOf } from '../graph/tensor.ts'
import { advance } from './elements.ts'
import { stridesOf } from './ndarray.ts'
import type { Attributes } from './operator.ts'

/** How a window is laid over each spatial axis. */
export interface WindowAttributes {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Explicit pads; zeros where `autoPad` decides. */
  readonly begin: readonly number[]
  readonly end: readonly number[]
  readonly autoPad: 'NOTSET' | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID'
  readonly ceil: boolean
}

/** Windows over static spatial sizes: output position o sees input positions o * stride + tap * dilation - begin. */
export interface Windows {
  readonly input: readonly number[]
  readonly output: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  /** Pads after the end; windows of `ceil_mode` may reach further. */
  readonly end: readonly number[]
}

/** Reads strides, dilations, pads, auto_pad and ceil_mode. @throws FoveaError OP_INVALID where their lengths or values do not fit */
export function windowAttributes(ctx: Attributes, kernel: readonly number[]): WindowAttributes {
  const rank = kernel.length
  const ones = new Array<number>(rank).fill(1)
  const autoPad = ctx.string('auto_pad', 'NOTSET')
  if (autoPad !== 'NOTSET' && autoPad !== 'SAME_UPPER' && autoPad !== 'SAME_LOWER' && autoPad !== 'VALID')
    ctx.fail('auto_pad NOTSET, SAME_UPPER, SAME_LOWER or VALID', autoPad)
  const listed = autoPad === 'NOTSET' ? ctx.ints('pads', undefined) : undefined
  const pads = listed ?? new Array<number>(2 * rank).fill(0)
  const strides = ctx.ints('strides', ones)
  const dilations = ctx.ints('dilations', ones)
  if (kernel.some((size) => size < 1)) ctx.fail('a kernel of positive sizes', `[${kernel}]`)
  if (strides.length !== rank || strides.some((stride) => stride < 1)) ctx.fail(`${rank} positive strides`, `[${strides}]`)
  if (dilations.length !== rank || dilations.some((dilation) => dilation < 1)) ctx.fail(`${rank} positive dilations`, `[${dilations}]`)
  if (pads.length !== 2 * rank || pads.some((pad) => pad < 0)) ctx.fail(`${2 * rank} pads of zero or more`, `[${pads}]`)
  return {
    kernel,
    strides,
    dilations,
    begin: pads.slice(0, rank),
    end: pads.slice(rank),
    autoPad,
    ceil: ctx.int('ceil_mode', 0) !== 0,
  }
}

/** Extent of a dilated kernel along an axis. */
export function extentOf({ kernel, dilations }: Pick<WindowAttributes, 'kernel' | 'dilations'>, axis: number): number {
  return (kernel[axis]! - 1) * dilations[axis]! + 1
}

/** Spatial sizes of the result; symbols allowed. @throws FoveaError OP_INVALID where no window fits */
export function windowDims(ctx: Attributes, spatial: readonly Dim[], attributes: WindowAttributes): Dim[] {
  if (spatial.length !== attributes.kernel.length) ctx.fail(`${attributes.kernel.length} spatial axes`, `${spatial.length}`)
  return spatial.map((size, axis) => {
    const result = windowDim(size, attributes, axis)
    if (typeof result === 'number' && result < 1)
      ctx.fail(`windows that fit the padded input of size ${size} on spatial axis ${axis}`, `a window of ${extentOf(attributes, axis)}`)
    return result
  })
}

function windowDim(size: Dim, attributes: WindowAttributes, axis: number): Dim {
  const stride = attributes.strides[axis]!
  if (attributes.autoPad.startsWith('SAME')) return ceilDivideDims(size, stride)
  const room = subtractDims(addDims(size, attributes.begin[axis]! + attributes.end[axis]!), extentOf(attributes, axis))
  if (!attributes.ceil) return addDims(floorDivideDims(room, stride), 1)
  const count = addDims(ceilDivideDims(room, stride), 1)
  // A window that would begin in the padding after the end is left out.
  const tooFar = typeof count === 'number' && typeof size === 'number' && (count - 1) * stride >= size + attributes.begin[axis]!
  return tooFar ? (count as number) - 1 : count
}

/** The windows over an input of these spatial sizes. @throws FoveaError OP_INVALID */
export function windowsOver(ctx: Attributes, input: readonly number[], kernel: readonly number[]): Windows {
  const attributes = windowAttributes(ctx, kernel)
  const output = windowDims(ctx, input, attributes)
  if (!isStatic(output)) ctx.fail('static spatial sizes')
  const pads = input.map((size, axis) => {
    if (!attributes.autoPad.startsWith('SAME')) return [attributes.begin[axis]!, attributes.end[axis]!] as const
    const total = Math.max(0, (output[axis]! - 1) * attributes.strides[axis]! + extentOf(attributes, axis) - size)
    return splitPad(total, attributes.autoPad === 'SAME_UPPER')
  })
  const { strides, dilations } = attributes
  return { input, output, kernel, strides, dilations, begin: pads.map(([begin]) => begin), end: pads.map(([, end]) => end) }
}

/** Halves of a pad; `upper` puts the odd one after the end. */
export function splitPad(total: number, upper: boolean): readonly [begin: number, end: number] {
  const less = Math.floor(total / 2)
  return upper ? [less, total - less] : [total - less, less]
}

/**
 * For each tap of the kernel, in row-major order, and each output position the flattened input position it meets; the size of the
 * input plane (one past its end) where it meets padding.
 */
export function tapPositions(windows: Windows): Int32Array[] {
  const { input, output, kernel, strides, dilations, begin } = windows
  const none = sizeOf(input)
  const inputStrides = stridesOf(input)
  const tap = new Int32Array(kernel.length)
  return Array.from({ length: sizeOf(kernel) }, () => {
    const at = new Int32Array(output.length)
    const positions = Int32Array.from({ length: sizeOf(output) }, () => {
      let position = 0
      for (let axis = 0; axis < input.length && position !== none; axis++) {
        const coordinate = at[axis]! * strides[axis]! + tap[axis]! * dilations[axis]! - begin[axis]!
        position = coordinate < 0 || coordinate >= input[axis]! ? none : position + coordinate * inputStrides[axis]!
      }
      advance(at, output)
      return position
    })
    advance(tap, kernel)
    return positions
  })
}
