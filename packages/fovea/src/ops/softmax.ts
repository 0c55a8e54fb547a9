// Softmax, LogSoftmax and Hardmax.

import { maxOf } from '../util/extremes.ts'
import { checkedAxis } from './elements.ts'
import { reduced } from './emit.ts'
import { type NDArray, zipArrays } from './ndarray.ts'
import type { Attributes, GradientContext, OperatorDefinition, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { logSumExp, reduceArray } from './reduction.ts'
import { flopsPerOutput, sameAsFirstInput } from './rules.ts'

/** The axes that are normalised together: one since opset 13; before that all from `axis` on, as if flattened. */
function softmaxAxes(ctx: Attributes, rank: number): number[] {
  const flattens = ctx.opset < 13
  const axis = checkedAxis(ctx, ctx.int('axis', flattens ? 1 : -1), rank)
  return flattens ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis]
}

/** x - log(sum(exp(x))) along the axes. */
export function logSoftmaxArray(x: NDArray, axes: readonly number[]): NDArray {
  return zipArrays(x, reduceArray(x, axes, true, logSumExp), (value, total) => value - total)
}

function operator(evaluate: (x: NDArray, axes: number[]) => NDArray, gradient: OperatorDefinition['gradient']): OperatorDefinition {
  return {
    infer: sameAsFirstInput,
    gradient,
    flops: flopsPerOutput(5),
    evaluate: (ctx) => {
      const x = ctx.input(0)
      return [evaluate(x, softmaxAxes(ctx, x.dims.length))]
    },
  }
}

function totalOf(ctx: GradientContext, value: string): string {
  return reduced(ctx, 'ReduceSum', value, softmaxAxes(ctx, ctx.shape(ctx.input(0)).length))
}

export const softmaxes: OperatorFamily = {
  Softmax: operator(
    (x, axes) => {
      const log = logSoftmaxArray(x, axes)
      return { ...log, data: log.data.map(Math.exp) }
    },
    // dx = y * (dy - sum(dy * y))
    (ctx) => {
      const { b } = ctx
      const [y, dy] = [ctx.output(0), ctx.gradient(0)!]
      return [b.op('Mul', [y, b.op('Sub', [dy, totalOf(ctx, b.op('Mul', [dy, y]))])])]
    },
  ),
  LogSoftmax: operator(
    logSoftmaxArray,
    // dx = dy - softmax * sum(dy)
    (ctx) => {
      const { b } = ctx
      const [y, dy] = [ctx.output(0), ctx.gradient(0)!]
      return [b.op('Sub', [dy, b.op('Mul', [b.op('Exp', [y]), totalOf(ctx, dy)])])]
    },
  ),
  Hardmax: operator((x, axes) => {
    // The first of equal maxima wins: positions are found by counting the elements of each group as they pass.
    const top = reduceArray(x, axes, true, (values) => values.indexOf(maxOf(values)))
    const order = reduceArray(x, axes, true, () => 0).data
    const position = zipArrays(x, { ...top, data: Float64Array.from(order.keys()) }, (_, group) => order[group]!++)
    return zipArrays(position, top, (at, best) => Number(at === best), x.dtype)
  }, zeroGradient('the result is constant between its steps')),
}
