// Windows as nodes: the shifted views that the gradients of convolutions and pools are made of.

import { sizeOf } from '../graph/tensor.ts'
import { advance } from './elements.ts'
import { numbers, reshapedTo } from './emit.ts'
import type { GradientContext } from './operator.ts'
import { extentOf, type Windows } from './windows.ts'

/** The windows with the pads after the end that let them end where the last one does: negative where elements are left over. */
export function withExactEnd(windows: Windows): Windows {
  const { input, output, strides, begin } = windows
  const end = input.map((size, axis) => (output[axis]! - 1) * strides[axis]! + extentOf(windows, axis) - begin[axis]! - size)
  return { ...windows, end }
}

/** The attributes of a Conv over windows with an exact end. A rest shorter than a stride falls off by itself. */
export function convAttributes({ strides, dilations, begin, end }: Windows) {
  return { strides, dilations, pads: [...begin, ...end.map((pad) => Math.max(0, pad))] }
}

/** A value [N, C, ...] without the elements after the last window that would make windows of their own. */
export function fitted(ctx: GradientContext, { input, end, strides }: Windows, value: string): { value: string; spatial: number[] } {
  const { b } = ctx
  const axes = input.map((_, axis) => axis).filter((axis) => -end[axis]! >= strides[axis]!)
  if (axes.length === 0) return { value, spatial: [...input] }
  const spatial = input.map((size, axis) => (axes.includes(axis) ? size + end[axis]! : size))
  const ends = b.ints(axes.map((axis) => spatial[axis]!))
  return { value: b.op('Slice', [value, b.ints(axes.map(() => 0)), ends, b.ints(axes.map((axis) => axis + 2))]), spatial }
}

/**
 * What each tap of the kernel sees of a value of shape [a, b, ...input], as [a, b, ...output], in row-major order of the taps.
 * Padding reads as `fill`.
 */
export function emitTaps(ctx: GradientContext, windows: Windows, value: string, fill: string): string[] {
  const { b } = ctx
  const { kernel, strides, dilations, begin, end, input, output } = windows
  const pads = [0, 0, ...begin, 0, 0, ...end.map((pad) => Math.max(0, pad))]
  const padded = pads.every((pad) => pad === 0) ? value : b.op('Pad', [value, b.ints(pads), fill])
  const tap = new Int32Array(kernel.length)
  return Array.from({ length: sizeOf(kernel) }, () => {
    const axes: number[] = []
    const starts: number[] = []
    const ends: number[] = []
    kernel.forEach((_, axis) => {
      const start = tap[axis]! * dilations[axis]!
      const stop = start + (output[axis]! - 1) * strides[axis]! + 1
      const size = input[axis]! + begin[axis]! + Math.max(0, end[axis]!)
      if (strides[axis] === 1 && start === 0 && stop === size) return
      axes.push(axis)
      starts.push(start)
      ends.push(stop)
    })
    advance(tap, kernel)
    if (axes.length === 0) return padded
    const steps = axes.map((axis) => strides[axis]!)
    return b.op('Slice', [padded, b.ints(starts), b.ints(ends), b.ints(axes.map((axis) => axis + 2)), b.ints(steps)])
  })
}

/**
 * The patches of every plane, [planes, taps, ...output], by one convolution with the taps of an identity as its kernels: no padded copy
 * and no concatenation.
 */
export function emitPatches(ctx: GradientContext, windows: Windows, value: string, planes: number): string {
  const taps = sizeOf(windows.kernel)
  const identity = Array.from({ length: taps * taps }, (_, i) => (Math.floor(i / taps) === i % taps ? 1 : 0))
  const weight = numbers(ctx, ctx.dtype(ctx.output(0)), [taps, 1, ...windows.kernel], identity)
  const { value: cut, spatial } = fitted(ctx, windows, value)
  return ctx.b.op('Conv', [reshapedTo(ctx, cut, [planes, 1, ...spatial]), weight], convAttributes(windows))
}
