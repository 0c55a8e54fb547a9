// Operators that draw random numbers. Their shapes are known; the reference draws none, so that equal runs stay equal.

import { type DataType, isInteger } from '../graph/data-type.ts'
import { tensorType } from '../graph/model.ts'
import { dtypeAttribute } from './constant.ts'
import type { EvaluateContext, InferContext, OperatorDefinition, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { flopsPerOutput } from './rules.ts'

function draws(infer: OperatorDefinition['infer']): OperatorDefinition {
  return {
    infer,
    gradient: zeroGradient('random numbers depend on no value'),
    flops: flopsPerOutput(1),
    evaluate: (ctx: EvaluateContext) => ctx.fail('a result that depends on the inputs alone; feed random numbers as an input', ctx.node.op),
    random: true,
  }
}

/** Of the shape that the attribute states. */
const ofShape = draws((ctx) => [{ type: tensorType(dtypeAttribute(ctx, 'float32'), ctx.ints('shape')) }])

function floatOf(ctx: InferContext): DataType {
  const dtype = ctx.dtype(0)
  return isInteger(dtype) || dtype === 'bool' ? 'float32' : dtype
}

/** Of the shape of the input. */
const likeInput = draws((ctx) => [{ type: tensorType(dtypeAttribute(ctx, floatOf(ctx)), ctx.dims(0)) }])

export const random: OperatorFamily = {
  RandomNormal: ofShape,
  RandomUniform: ofShape,
  RandomNormalLike: likeInput,
  RandomUniformLike: likeInput,
  Bernoulli: draws((ctx) => [{ type: tensorType(dtypeAttribute(ctx, ctx.dtype(0)), ctx.dims(0)) }]),
  Multinomial: draws((ctx) => [{ type: tensorType(dtypeAttribute(ctx, 'int32'), [ctx.dims(0)?.[0] ?? null, ctx.int('sample_size', 1)]) }]),
}
