// Elementwise functions of one value: powers, exponentials, trigonometry, rounding.

import { roundHalfEven } from '../util/small-float.ts'
import { wrapTo } from './integers.ts'
import { mapArray } from './ndarray.ts'
import type { GradientContext, OperatorDefinition, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { chain, flopsPerOutput, retyped, sameAsFirstInput, unary } from './rules.ts'
import { erf } from './special.ts'

/** A float constant of the element type of input 0. */
function constant(ctx: GradientContext, value: number): string {
  return ctx.scalar(value, ctx.dtype(ctx.input(0)))
}

const piecewiseConstant = zeroGradient('the function is constant between its steps')

/** `offset + factor * v²`: the slopes of most inverse functions hold it. */
function quadratic(ctx: GradientContext, offset: number, factor: 1 | -1, v: string): string {
  return ctx.b.op(factor === 1 ? 'Add' : 'Sub', [constant(ctx, offset), ctx.b.op('Mul', [v, v])])
}

/** dx = dy / divisor. */
function quotient(divisor: (ctx: GradientContext, x: string) => string): OperatorDefinition['gradient'] {
  return (ctx) => [ctx.b.op('Div', [ctx.gradient(0)!, divisor(ctx, ctx.input(0))])]
}

/** A function that integers have too: results wrap around in their type. */
function signed(f: (x: number) => number, gradient: OperatorDefinition['gradient']): OperatorDefinition {
  return {
    infer: sameAsFirstInput,
    gradient,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const wrap = wrapTo(x.dtype)
      return [mapArray(x, (value) => wrap(f(value)))]
    },
  }
}

const isInf: OperatorDefinition = {
  infer: (ctx) => [{ type: retyped(ctx.type(0), 'bool') }],
  gradient: zeroGradient('the result is a truth value'),
  flops: flopsPerOutput(1),
  evaluate: (ctx) => {
    const negative = ctx.int('detect_negative', 1) !== 0
    const positive = ctx.int('detect_positive', 1) !== 0
    const detect = (x: number) => (x === Number.POSITIVE_INFINITY && positive) || (x === Number.NEGATIVE_INFINITY && negative)
    return [mapArray(ctx.input(0), (x) => Number(detect(x)), 'bool')]
  },
}

export const math: OperatorFamily = {
  Neg: signed(
    (x) => 0 - x,
    (ctx) => [ctx.b.op('Neg', [ctx.gradient(0)])],
  ),
  Abs: signed(
    Math.abs,
    chain((ctx, x) => ctx.b.op('Sign', [x])),
  ),
  Sign: signed(Math.sign, piecewiseConstant),
  Floor: unary({ f: Math.floor, gradient: piecewiseConstant }),
  Ceil: unary({ f: Math.ceil, gradient: piecewiseConstant }),
  Round: unary({ f: roundHalfEven, gradient: piecewiseConstant }),

  Exp: unary({ f: Math.exp, gradient: chain((_, __, y) => y) }),
  Log: unary({ f: Math.log, gradient: quotient((_, x) => x) }),
  Sqrt: unary({
    f: Math.sqrt,
    gradient: (ctx) => [ctx.b.op('Div', [ctx.gradient(0), ctx.b.op('Mul', [ctx.output(0), constant(ctx, 2)])])],
  }),
  Reciprocal: unary({ f: (x) => 1 / x, gradient: chain((ctx, _, y) => ctx.b.op('Neg', [ctx.b.op('Mul', [y, y])])) }),
  Erf: unary({
    f: erf,
    cost: 8,
    gradient: chain((ctx, x) => {
      const bell = ctx.b.op('Exp', [ctx.b.op('Neg', [ctx.b.op('Mul', [x, x])])])
      return ctx.b.op('Mul', [bell, constant(ctx, 2 / Math.sqrt(Math.PI))])
    }),
  }),

  Sin: unary({ f: Math.sin, gradient: chain((ctx, x) => ctx.b.op('Cos', [x])) }),
  Cos: unary({ f: Math.cos, gradient: chain((ctx, x) => ctx.b.op('Neg', [ctx.b.op('Sin', [x])])) }),
  Tan: unary({ f: Math.tan, gradient: chain((ctx, _, y) => quadratic(ctx, 1, 1, y)) }),
  Asin: unary({ f: Math.asin, gradient: quotient((ctx, x) => ctx.b.op('Sqrt', [quadratic(ctx, 1, -1, x)])) }),
  Acos: unary({ f: Math.acos, gradient: quotient((ctx, x) => ctx.b.op('Neg', [ctx.b.op('Sqrt', [quadratic(ctx, 1, -1, x)])])) }),
  Atan: unary({ f: Math.atan, gradient: quotient((ctx, x) => quadratic(ctx, 1, 1, x)) }),
  Sinh: unary({ f: Math.sinh, gradient: chain((ctx, x) => ctx.b.op('Cosh', [x])) }),
  Cosh: unary({ f: Math.cosh, gradient: chain((ctx, x) => ctx.b.op('Sinh', [x])) }),
  Asinh: unary({ f: Math.asinh, gradient: quotient((ctx, x) => ctx.b.op('Sqrt', [quadratic(ctx, 1, 1, x)])) }),
  Acosh: unary({ f: Math.acosh, gradient: quotient((ctx, x) => ctx.b.op('Sqrt', [quadratic(ctx, -1, 1, x)])) }),
  Atanh: unary({ f: Math.atanh, gradient: quotient((ctx, x) => quadratic(ctx, 1, -1, x)) }),

  IsNaN: unary({ f: (x) => Number(Number.isNaN(x)), result: 'bool', gradient: zeroGradient('the result is a truth value') }),
  IsInf: isInf,
}
