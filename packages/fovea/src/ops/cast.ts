// Conversions between element types.

import { type DataType, dataTypeOfCode, isFloat, isInteger } from '../graph/data-type.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { castTo } from './emit.ts'
import { wrapTo } from './integers.ts'
import { roundToFloat } from './narrow-floats.ts'
import { mapArray, type NDArray } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  GradientContext,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { zeroGradient } from './operator.ts'
import { flopsPerOutput, noFlops, retyped } from './rules.ts'

/** The element type that the attribute `to` names. */
export function targetType(ctx: Attributes): DataType {
  const code = ctx.int('to')
  return dataTypeOfCode(code) ?? ctx.fail('the number of an element type in "to"', `${code}`)
}

/** The function that converts a value of one element type to another. */
export function converter(ctx: Attributes, from: DataType, to: DataType): (value: number) => number {
  if (from === 'string' || to === 'string') return ctx.fail('numbers: the reference has no strings', `${from} to ${to}`)
  if (to === 'bool') return (value) => Number(value !== 0)
  if (isInteger(to)) return wrapTo(to)
  return roundToFloat(to, { saturate: ctx.int('saturate', 1) !== 0, mode: ctx.string('round_mode', 'up') })
}

function converted(ctx: InferContext, to: DataType): InferredValue[] {
  const type = retyped(ctx.type(0), to)
  const contents = isInteger(to) && !isFloat(ctx.dtype(0)) ? ctx.contents(0) : undefined
  return [contents === undefined ? { type } : { type, contents }]
}

function convert(ctx: EvaluateContext, to: DataType): NDArray[] {
  const x = ctx.input(0)
  return [mapArray(x, converter(ctx, x.dtype, to), to)]
}

const gradient = (ctx: GradientContext) => {
  const [from, to] = [ctx.dtype(ctx.input(0)), ctx.dtype(ctx.output(0))]
  if (!isFloat(from) || !isFloat(to)) return [undefined]
  return [from === to ? ctx.gradient(0) : castTo(ctx, ctx.gradient(0)!, from)]
}

const bitCast: OperatorDefinition = {
  infer: (ctx) => [{ type: retyped(ctx.type(0), targetType(ctx)) }],
  gradient: zeroGradient('the result reads the bits of the input as another type'),
  flops: noFlops,
  evaluate: (ctx) => {
    const { dtype, dims, data } = ctx.input(0)
    const to = targetType(ctx)
    const { bytes } = tensorOfNumbers(dtype, dims, data)
    const reread = new Tensor(to, dims, bytes, ctx.node.name)
    return [{ dtype: to, dims, data: Float64Array.from(numbersOf(reread).subarray(0, sizeOf(dims))) }]
  },
}

export const casts: OperatorFamily = {
  Cast: {
    infer: (ctx) => converted(ctx, targetType(ctx)),
    gradient,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => convert(ctx, targetType(ctx)),
  },
  CastLike: {
    infer: (ctx) => converted(ctx, ctx.dtype(1)),
    gradient,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => convert(ctx, ctx.input(1).dtype),
  },
  BitCast: bitCast,
}
