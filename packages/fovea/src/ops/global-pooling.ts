// Pools over whole planes: GlobalAveragePool, GlobalMaxPool, GlobalLpPool.

import { type Dim, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { iota, masked, reshapedTo } from './emit.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type {
  EvaluateContext,
  GradientContext,
  GradientRule,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { lpSlope, lpWeight } from './pooling-gradient.ts'

function infer(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  if (x !== undefined && x.length < 3) ctx.fail('an input [N, C, size, ...]', formatDims(x))
  return [
    {
      type: tensorType(
        ctx.dtype(0),
        x?.map((dim, axis): Dim => (axis < 2 ? dim : 1)),
      ),
    },
  ]
}

function globalPool(fold: (plane: Float64Array, ctx: EvaluateContext) => number, gradient: GradientRule): OperatorDefinition {
  const evaluate = (ctx: EvaluateContext): NDArray[] => {
    const x = ctx.input(0)
    const plane = sizeOf(x.dims.slice(2))
    const dims = x.dims.map((dim, axis) => (axis < 2 ? dim : 1))
    return [
      ndarray(
        x.dtype,
        dims,
        Float64Array.from({ length: sizeOf(dims) }, (_, i) => fold(x.data.subarray(i * plane, (i + 1) * plane), ctx)),
      ),
    ]
  }
  return { infer, gradient, flops: (ctx) => sizeOf(ctx.inputDims(0)), evaluate }
}

function averageGradient(ctx: GradientContext): (string | undefined)[] {
  const dims = ctx.shape(ctx.input(0))
  const share = ctx.b.op('Mul', [ctx.gradient(0), ctx.scalar(1 / sizeOf(dims.slice(2)), ctx.dtype(ctx.input(0)))])
  return [ctx.b.op('Expand', [share, ctx.b.ints(dims)])]
}

/** The whole gradient goes to the first maximum, as in PyTorch. */
function maxGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const [N, C] = dims as [number, number]
  const plane = sizeOf(dims.slice(2))
  const at = b.op('ArgMax', [reshapedTo(ctx, ctx.input(0), [N, C, plane])], { axis: 2 })
  const isMaximum = b.op('Equal', [iota(ctx, 'int64', plane, 2, 3), at])
  return [reshapedTo(ctx, masked(ctx, reshapedTo(ctx, ctx.gradient(0)!, [N, C, 1]), isMaximum, ctx.dtype(ctx.input(0))), dims)]
}

export const globalPooling: OperatorFamily = {
  GlobalAveragePool: globalPool((plane) => plane.reduce((sum, value) => sum + value, 0) / plane.length, averageGradient),
  GlobalMaxPool: globalPool((plane) => plane.reduce((maximum, value) => Math.max(maximum, value), Number.NEGATIVE_INFINITY), maxGradient),
  GlobalLpPool: globalPool(
    (plane, ctx) => {
      const p = ctx.int('p', 2)
      return plane.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p)
    },
    (ctx) => [lpSlope(ctx, ctx.input(0), lpWeight(ctx, ctx.output(0), ctx.gradient(0)!))],
  ),
}
