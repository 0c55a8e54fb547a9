// Conversions between element types.

import { type DataType, dataTypeOfCode, isFloat, isInteger } from '../graph/data-type.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { castTo } from './emit.ts'
import { wrapTo } from './integers.ts'
import type { NDArray } from './ndarray.ts'
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

const roundModes = ['up', 'down', 'nearest'] as const

/** The element type that the attribute `to` names. */
function targetType(ctx: Attributes): DataType {
  const code = ctx.int('to')
  return dataTypeOfCode(code) ?? ctx.fail('the number of an element type in "to"', `${code}`)
}

/** The values of an array in another element type; float32 and float64 keep the value, since the reference computes in float64. */
function convertedValues(ctx: Attributes, { dtype, dims, data }: NDArray, to: DataType): Float64Array {
  if (to === 'float32' || to === 'float64') return data
  if (to === 'string') return ctx.fail('numbers: the reference has no strings', `${dtype} to ${to}`)
  if (isInteger(to)) return data.map(wrapTo(to))
  const saturate = ctx.int('saturate', 1) !== 0
  const roundMode = roundModes.find((mode) => mode === ctx.string('round_mode', 'up')) ?? ctx.fail(`round_mode ${roundModes.join(', ')}`)
  return numbersOf(tensorOfNumbers(to, dims, data, { saturate, roundMode }))
}

function converted(ctx: InferContext, to: DataType): InferredValue[] {
  const type = retyped(ctx.type(0), to)
  const contents = isInteger(to) && !isFloat(ctx.dtype(0)) ? ctx.contents(0) : undefined
  return [contents === undefined ? { type } : { type, contents }]
}

function convert(ctx: EvaluateContext, to: DataType): NDArray[] {
  const x = ctx.input(0)
  return [{ dtype: to, dims: x.dims, data: convertedValues(ctx, x, to) }]
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
