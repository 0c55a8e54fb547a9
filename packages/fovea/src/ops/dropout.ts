// Dropout (Srivastava et al. 2014).

import type { DataType } from '../graph/data-type.ts'
import { castTo, masked } from './emit.ts'
import { mapArray } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, OperatorFamily } from './operator.ts'
import { flopsPerOutput, retyped } from './rules.ts'

/** Element type of the mask output: a truth value since opset 10, before that the type of the data. */
function maskType(ctx: Attributes, dtype: DataType): DataType {
  return ctx.opset >= 10 ? 'bool' : dtype
}

/** Training mode is an input since opset 12; before that the operator always means inference. */
function trains(ctx: EvaluateContext): boolean {
  const ratio = ctx.inputs[1]?.data[0] ?? 0.5
  return (ctx.inputs[2]?.data[0] ?? 0) !== 0 && ratio !== 0
}

/** The factor of the elements that are kept: 1 in inference, else 1 / (1 - ratio). */
function keptFactor(ctx: GradientContext): string {
  const { b } = ctx
  const dtype = ctx.dtype(ctx.input(0))
  const one = ctx.scalar(1, dtype)
  const given = ctx.hasInput(1) ? ctx.input(1) : undefined
  const ratio = given === undefined ? ctx.scalar(0.5, dtype) : ctx.dtype(given) === dtype ? given : castTo(ctx, given, dtype)
  const factor = b.op('Div', [one, b.op('Sub', [one, ratio])])
  return ctx.constant(ctx.input(2)) === undefined ? b.op('Where', [ctx.input(2), factor, one]) : factor
}

/**
 * In inference the identity. In training mode the runtime draws the mask, so there is nothing that a reference could agree with
 * (a seed means something else to every runtime): evaluation is refused, and the gradient passes through the mask output.
 */
export const dropout: OperatorFamily = {
  Dropout: {
    random: true,
    infer: (ctx) => {
      const type = ctx.type(0)
      return [{ type }, { type: retyped(type, maskType(ctx, type.dtype)) }]
    },
    gradient: (ctx) => {
      const dy = ctx.gradient(0)
      if (dy === undefined) return []
      const training = ctx.hasInput(2) ? ctx.constant(ctx.input(2))?.data[0] : 0
      if (training === 0) return [dy]
      if (!ctx.node.outputs[1]) ctx.fail('the mask as a second output, where the gradient of training mode is wanted', 'one output')
      const kept = masked(ctx, dy, ctx.output(1), ctx.dtype(ctx.input(0)))
      return [ctx.b.op('Mul', [kept, keptFactor(ctx)])]
    },
    flops: flopsPerOutput(1),
    evaluate: (ctx) => {
      if (trains(ctx)) ctx.fail('inference (training_mode false or a ratio of 0): the mask of training mode is random')
      const x = ctx.input(0)
      return [x, mapArray(x, () => 1, maskType(ctx, x.dtype))]
    },
  },
}
