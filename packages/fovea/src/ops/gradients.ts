// Pieces of gradient graphs that several families emit.

import type { DataType } from '../graph/data-type.ts'
import { sizeOf } from '../graph/tensor.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { reshapedTo } from './emit.ts'
import type { GradientContext } from './operator.ts'

/** A tensor of zeros, made at run time: it costs no room in the file. */
export function zeros(ctx: GradientContext, dims: readonly number[], dtype: DataType): string {
  return ctx.b.op('ConstantOfShape', [ctx.b.ints(dims)], { value: tensorOfNumbers(dtype, [1], [0]) })
}

/** Zeros before and after along every axis; negative figures cut off. Nothing is emitted where there is nothing to do. */
export function zeroPadded(ctx: GradientContext, value: string, before: readonly number[], after: readonly number[]): string {
  const pads = [...before, ...after]
  if (pads.every((pad) => pad === 0)) return value
  return ctx.b.op('Pad', [value, ctx.b.ints(pads), ctx.scalar(0, ctx.dtype(ctx.output(0)))])
}

/**
 * The gradient of an operator that only picks elements, whatever it picks: `pick` applies the operator to the positions of the
 * input's elements, and the gradient is added up there. Right for every such operator, and slower than a rule of its own.
 */
export function scatterBack(ctx: GradientContext, pick: (positions: string) => string): string {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const size = sizeOf(dims)
  const counted = b.op('Range', [b.scalar(0, 'int64'), b.scalar(size, 'int64'), b.scalar(1, 'int64')])
  const positions = reshapedTo(ctx, pick(reshapedTo(ctx, counted, dims)), [-1])
  const empty = zeros(ctx, [size], ctx.dtype(ctx.input(0)))
  const sum = b.op('ScatterElements', [empty, positions, reshapedTo(ctx, ctx.gradient(0)!, [-1])], { axis: 0, reduction: 'add' })
  return reshapedTo(ctx, sum, dims)
}
